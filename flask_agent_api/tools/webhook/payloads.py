"""How a message is told to each service."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ..arguments import text


def _text(message: str, arguments: Mapping[str, Any], chat_id: str) -> dict[str, str]:
    return {"text": message}


def _ifttt(message: str, arguments: Mapping[str, Any], chat_id: str) -> dict[str, str]:
    others = {name: value for name in ("value2", "value3") if (value := text(arguments, name, ""))}
    return {"value1": message, **others}


PAYLOADS: Mapping[str, Callable[[str, Mapping[str, Any], str], dict[str, str]]] = {
    **dict.fromkeys(("generic", "slack", "mattermost", "rocketchat", "googlechat", "teams"), _text),
    "discord": lambda message, arguments, chat_id: {"content": message},
    "ifttt": _ifttt,
    "telegram": lambda message, arguments, chat_id: {"chat_id": chat_id, "text": message},
}
"""By service, the JSON that it takes."""
