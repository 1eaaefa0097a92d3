"""Conversations as clients see them: as in OpenAI's Conversations API, and what this server knows besides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..conversations.base import LogInfo
from ..types import Message


def conversation_object(info: LogInfo, messages: Sequence[Message] | None = None) -> dict[str, Any]:
    """A conversation; with its ``messages`` if there are some to show. ``metadata`` is always empty."""
    conversation: dict[str, Any] = {
        "id": info.key.id,
        "object": "conversation",
        "created_at": int(info.created),
        "metadata": {},
        "model": info.key.agent,
        "updated_at": int(info.used),
        "turns": info.entries,
        "bytes": info.size,
    }
    return conversation if messages is None else {**conversation, "messages": list(messages)}
