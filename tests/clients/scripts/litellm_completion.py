"""Plays the scenarios with LiteLLM's provider ``openai/``."""

from __future__ import annotations

import json
import os
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from pydantic import BaseModel
from report import Ask
from report import play
from report import Seen
from report import SHIRT_SIZE

litellm.suppress_debug_info = True


class Travel(BaseModel):
    city: str
    days: int


def _completion(ask: Ask, messages: list[Any] | None = None, **options: Any) -> Any:
    options |= {"api_base": ask.base_url, "api_key": ask.key, "timeout": 30}
    return litellm.completion(model=f"openai/{ask.model}", messages=messages or ask.messages, **options)


def _take(message: Any, seen: Seen) -> None:
    seen.pieces += [message.content] if message.content else []
    seen.reasoning += getattr(message, "reasoning_content", None) or ""
    seen.pending += [call.function.name for call in message.tool_calls or () if call.function.name]


def complete(ask: Ask, seen: Seen) -> None:
    _take(_completion(ask).choices[0].message, seen)


def stream(ask: Ask, seen: Seen) -> None:
    for chunk in _completion(ask, stream=True):
        _take(chunk.choices[0].delta, seen)


def client_tool(ask: Ask, seen: Seen) -> None:
    function = {"name": "shirt_size", "description": "The size of a shirt.", "parameters": SHIRT_SIZE}
    tools = [{"type": "function", "function": function}]
    messages = list(ask.messages)
    while calls := (message := _completion(ask, messages, tools=tools).choices[0].message).tool_calls:
        messages.append(message)
        for call in calls:
            seen.ran.append(f"{call.function.name} {json.loads(call.function.arguments)['name']}")
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "size M"})
    _take(message, seen)


def structured(ask: Ask, seen: Seen) -> None:
    content = _completion(ask, response_format=Travel).choices[0].message.content
    seen.value = json.loads(content)


play(complete, stream, client_tool, structured)
