"""What Mistral's API needs: tool calls whose ids are nine letters and digits, whoever made them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from ..types import Message
from .compat import with_plain_calls

_FIT = re.compile(r"[a-zA-Z0-9]{9}")


def adapt_to_mistral(body: dict[str, Any]) -> None:
    """Changes a request so that Mistral takes a conversation in which other models called tools."""
    body["messages"] = list(_with_fit_ids(with_plain_calls(body["messages"])))


def _with_fit_ids(messages: Iterable[Message]) -> Iterable[Message]:
    for message in messages:
        if calls := message.get("tool_calls"):
            yield {**message, "tool_calls": [{**call, "id": _fit(call["id"])} for call in calls]}
        elif "tool_call_id" in message:
            yield {**message, "tool_call_id": _fit(message["tool_call_id"])}
        else:
            yield message


def _fit(id: str) -> str:
    """The id, or another one that is always the same for it."""
    return id if _FIT.fullmatch(id) else hashlib.sha256(id.encode("utf-8", "replace")).hexdigest()[:9]
