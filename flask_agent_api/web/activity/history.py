"""What modes write into the content comes back in the next request: the agent gets the history without it."""

from __future__ import annotations

from typing import Any

from ...types import Message
from .details import without_cards
from .tags import without_tags


def without_activity(message: Message) -> Message:
    """A message as the agent wrote it; another's is left as it is.

    Every mode is undone, whichever the request chose: the history may be older than the choice.
    """
    content = message.get("content")
    if message["role"] != "assistant" or not content:
        return message
    if isinstance(content, str):
        return {**message, "content": _plain(content)} if ">" in content else message
    return {**message, "content": [_plain_part(part) for part in content]}


def _plain_part(part: dict[str, Any]) -> dict[str, Any]:
    text = part.get("text")
    return {**part, "text": _plain(text)} if part.get("type") == "text" and isinstance(text, str) else part


def _plain(text: str) -> str:
    return without_tags(without_cards(text))
