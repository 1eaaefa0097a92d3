"""How much of what a request may have. Looked at before all else: to check 20,000 messages one by one takes long."""

from __future__ import annotations

from typing import Any

from ..errors import RequestError

MAX_PARTS = 1_000
"""Parts of one message's content."""

MAX_TOOL_CALLS = 512
"""Tool calls of one message."""

MAX_NAME = 256
"""Characters of a ``name``."""

MAX_ID = 8_192
"""Characters of a ``tool_call_id``. Some providers hide the state of a model in it."""

_LISTS = {"content": MAX_PARTS, "tool_calls": MAX_TOOL_CALLS}
_TEXTS = {"name": MAX_NAME, "tool_call_id": MAX_ID}


def check_sizes(body: Any, max_messages: int, max_images: int) -> None:
    """Raises :class:`RequestError` that names what there is too much of. What is no text or list passes."""
    messages = body.get("messages") if type(body) is dict else None
    if type(messages) is not list:
        return
    if len(messages) > max_messages:
        raise RequestError(f"At most {max_messages} messages are accepted", param="messages", code="too_many_messages")
    images = 0
    for number, message in enumerate(messages):
        if type(message) is dict and (len(message) > 2 or type(message.get("content")) is list):
            _check_message(f"messages[{number}]", message)
            images += _images(message.get("content"))
    if images > max_images:
        raise RequestError(f"At most {max_images} images are accepted", param="messages", code="too_many_images")


def _check_message(place: str, message: dict[str, Any]) -> None:
    for name, most in _LISTS.items():
        if type(value := message.get(name)) is list and len(value) > most:
            raise _too_long(f"{place}.{name}", f"at most {most:,} are accepted", "array_above_max_length")
    for name, most in _TEXTS.items():
        if type(value := message.get(name)) is str and len(value) > most:
            raise _too_long(f"{place}.{name}", f"at most {most:,} characters are accepted", "string_above_max_length")


def _images(content: Any) -> int:
    if type(content) is not list:
        return 0
    return sum(1 for part in content if type(part) is dict and part.get("type") == "image_url")


def _too_long(param: str, message: str, code: str) -> RequestError:
    return RequestError(f"{param}: {message}", param=param, code=code)
