"""Requests with too much of something are refused by its name, before they cost time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from flask_agent_api.errors import RequestError
from flask_agent_api.web.client_tools import client_tools
from flask_agent_api.web.schemas import parse_request

USER: dict[str, Any] = {"role": "user", "content": "x"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def tool(number: int) -> dict[str, Any]:
    return {"type": "function", "function": {"name": f"tool_{number}"}}


def parse(fields: dict[str, Any]) -> None:
    client_tools(parse_request(json.dumps({"messages": [USER], **fields}).encode(), 2_000, 100), "always")


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"messages": [USER] * 20_000}, "messages", "too_many_messages"),
        ({"messages": [{"role": "user", "content": [IMAGE] * 101}]}, "messages", "too_many_images"),
        ({"messages": [{"role": "user", "content": [IMAGE] * 51}] * 2}, "messages", "too_many_images"),
        (
            {"messages": [USER, {"role": "user", "content": [{"type": "text", "text": ""}] * 20_000}]},
            "messages[1].content", "array_above_max_length",
        ),
        (
            {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [CALL] * 513}]},
            "messages[1].tool_calls", "array_above_max_length",
        ),
        ({"messages": [{**USER, "name": "n" * 65_536}]}, "messages[0].name", "string_above_max_length"),
        (
            {"messages": [USER, {"role": "tool", "content": "", "tool_call_id": "i" * 65_536}]},
            "messages[1].tool_call_id", "string_above_max_length",
        ),
        ({"model": "m" * 65_536}, "model", "invalid_value"),
        ({"tools": [tool(number) for number in range(500)]}, "tools", "array_above_max_length"),
        (
            {"tools": [{"type": "function", "function": {"name": "n" * 65_536}}]},
            "tools[0].function.name", "invalid_value",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_too_much_is_refused_by_its_name_at_once(fields: dict[str, Any], param: str, code: str) -> None:
    start = time.thread_time()
    with pytest.raises(RequestError) as caught:
        parse(fields)
    assert time.thread_time() - start < 0.25
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, param, code)
    assert len(caught.value.message) < 200


def test_as_much_as_is_accepted() -> None:
    parse({"messages": [{"role": "user", "content": [IMAGE] * 100}]})
    parse({"messages": [USER] * 2_000})
    parse({"messages": [{**USER, "name": "n" * 256}, {"role": "assistant", "content": "", "tool_calls": [CALL] * 512}]})
