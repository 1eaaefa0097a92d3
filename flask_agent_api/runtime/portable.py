"""Messages in the form that all OpenAI-compatible providers take.

Clients send what OpenAI's own servers accept. Others know no ``developer`` and no refusals, and of some messages text
alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..types import Message
from ..types import text_of

SYSTEM_ROLES = frozenset({"system", "developer"})


def portable(messages: Iterable[Message]) -> list[Message]:
    """The messages, texts to the byte: ``developer`` is ``system``, and a refusal is text."""
    found = []
    for message in messages:
        role = message.get("role")
        if role in SYSTEM_ROLES:
            message = {**message, "role": "system", "content": _text_alone(message.get("content"))}
        elif role == "tool":
            message = {**message, "content": _text_alone(message.get("content"))}
        elif role == "assistant":
            message = _assistant(message)
        found.append(message)
    return found


def _assistant(message: Message) -> Message:
    """Null is content only where there is something else."""
    content = message.get("content")
    if content and type(content) is str and "refusal" not in message:
        return message
    if isinstance(content, list):
        content = [_without_refusal(part) for part in content]
    content = content or message.get("refusal") or content
    if content is None and not message.keys() & {"tool_calls", "function_call", "audio"}:
        content = ""
    return {key: value for key, value in message.items() if key != "refusal"} | {"content": content}


def _without_refusal(part: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": part.get("refusal")} if part.get("type") == "refusal" else part


def _text_alone(content: Any) -> Any:
    """Parts as one text, if they are all text."""
    if not isinstance(content, list) or any(part.get("type") != "text" for part in content):
        return content
    return text_of(content)
