"""Plays the scenarios with instructor, those of structured answers in the mode that is meant for them."""

from __future__ import annotations

from typing import Any

import instructor
import openai
from pydantic import BaseModel
from report import Ask
from report import play
from report import Seen


class Travel(BaseModel):
    city: str
    days: int


def _client(ask: Ask, mode: instructor.Mode = instructor.Mode.TOOLS) -> instructor.Instructor:
    return instructor.from_openai(openai.OpenAI(base_url=ask.base_url, api_key=ask.key, timeout=30), mode=mode)


def complete(ask: Ask, seen: Seen) -> None:
    answer = _client(ask).chat.completions.create(model=ask.model, messages=ask.messages, response_model=None)
    seen.pieces.append(answer.choices[0].message.content or "")
    seen.pending = [call.function.name for call in answer.choices[0].message.tool_calls or ()]


def stream(ask: Ask, seen: Seen) -> None:
    create = _client(ask).chat.completions.create
    for chunk in create(model=ask.model, messages=ask.messages, response_model=None, stream=True):
        delta = chunk.choices[0].delta
        seen.pieces += [delta.content] if delta.content else []
        seen.pending += [call.function.name for call in delta.tool_calls or () if call.function.name]


def structured(ask: Ask, seen: Seen) -> None:
    seen.value = _travel(ask, instructor.Mode.JSON_SCHEMA)


def forced_tool(ask: Ask, seen: Seen) -> None:
    seen.value = _travel(ask, instructor.Mode.TOOLS)


def json_mode(ask: Ask, seen: Seen) -> None:
    seen.value = _travel(ask, instructor.Mode.JSON)


def _travel(ask: Ask, mode: instructor.Mode) -> dict[str, Any]:
    create = _client(ask, mode).chat.completions.create
    return create(model=ask.model, messages=ask.messages, response_model=Travel, max_retries=0).model_dump()


play(complete, stream, structured, forced_tool, json_mode)
