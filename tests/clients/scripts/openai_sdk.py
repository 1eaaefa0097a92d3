"""Plays the scenarios with the ``openai`` package."""

from __future__ import annotations

import json

import openai
from pydantic import BaseModel
from report import Ask
from report import play
from report import Seen
from report import SHIRT_SIZE


class Travel(BaseModel):
    city: str
    days: int


def _client(ask: Ask) -> openai.OpenAI:
    return openai.OpenAI(base_url=ask.base_url, api_key=ask.key, timeout=30)


def models(ask: Ask, seen: Seen) -> None:
    seen.models = [model.id for model in _client(ask).models.list()]


def complete(ask: Ask, seen: Seen) -> None:
    completion = _client(ask).chat.completions.create(model=ask.model, messages=ask.messages)
    message = completion.choices[0].message
    seen.pieces.append(message.content or "")
    seen.pending = [call.function.name for call in message.tool_calls or ()]
    seen.reasoning = (message.model_extra or {}).get("reasoning_content", "")
    seen.events = len((completion.model_extra or {}).get("agent_events", ()))


def stream(ask: Ask, seen: Seen) -> None:
    with _client(ask).chat.completions.stream(model=ask.model, messages=ask.messages) as events:
        for event in events:
            if event.type == "content.delta":
                seen.pieces.append(event.delta)
            elif event.type == "chunk":
                delta = event.chunk.choices[0].delta if event.chunk.choices else None
                seen.reasoning += ((delta and delta.model_extra) or {}).get("reasoning_content") or ""
                seen.events += not {"agent_event", "event"}.isdisjoint(event.chunk.model_extra or {})
        message = events.get_final_completion().choices[0].message
        seen.pending = [call.function.name for call in message.tool_calls or ()]


def client_tool(ask: Ask, seen: Seen) -> None:
    function = {"name": "shirt_size", "description": "The size of a shirt.", "parameters": SHIRT_SIZE}
    options = {"model": ask.model, "tools": [{"type": "function", "function": function}]}
    messages = list(ask.messages)
    while calls := (message := _message(ask, messages, options)).tool_calls:
        messages.append(message)
        for call in calls:
            seen.ran.append(f"{call.function.name} {json.loads(call.function.arguments)['name']}")
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "size M"})
    seen.pieces.append(message.content or "")


def _message(ask: Ask, messages: list, options: dict) -> object:
    return _client(ask).chat.completions.create(messages=messages, **options).choices[0].message


def structured(ask: Ask, seen: Seen) -> None:
    completion = _client(ask).chat.completions.parse(model=ask.model, messages=ask.messages, response_format=Travel)
    seen.value = completion.choices[0].message.parsed.model_dump()


play(models, complete, stream, client_tool, structured)
