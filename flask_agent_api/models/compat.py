"""What endpoints that only look like OpenAI's need done to a request: the parts that several of them share.

Messages belong to the run, so what changes is copied.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..types import Message

NO_OUTPUT = "(no output)"
_CALL_FIELDS = ("id", "type", "function")


def without_empty(messages: Iterable[Message]) -> list[Message]:
    """The messages without those that say nothing; an empty result of a tool says so."""
    kept = []
    for message in messages:
        content = message.get("content")
        if content and (not isinstance(content, str) or not content.isspace()):
            kept.append(message)
        elif message.get("role") == "tool":
            kept.append({**message, "content": NO_OUTPUT})
        elif message.get("tool_calls"):
            kept.append({**message, "content": None})
    return kept


def with_plain_calls(messages: Iterable[Message]) -> list[Message]:
    """The messages with OpenAI's own fields in their tool calls, without what another provider has put there."""
    return [
        {**message, "tool_calls": [_plain(call) for call in message["tool_calls"]]}
        if message.get("tool_calls")
        else message
        for message in messages
    ]


def _plain(call: dict[str, Any]) -> dict[str, Any]:
    return {name: call[name] for name in _CALL_FIELDS if name in call}


def ask_for_format(body: dict[str, Any]) -> None:
    """Turns ``response_format``, where it would be ignored, into words for the model. The answer is checked anyway."""
    wanted = body.pop("response_format", None)
    if not wanted or wanted.get("type") == "text":
        return
    schema = (wanted.get("json_schema") or {}).get("schema")
    text = "Answer with JSON and nothing else: no explanation, no Markdown."
    text += f" It must fit this JSON Schema:\n{json.dumps(schema)}" if schema else " It must be an object."
    body["messages"] = [*body["messages"], {"role": "system", "content": text}]
