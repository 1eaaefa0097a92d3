"""What of a message a model cannot take: its place in the conversation is kept, so that the model can say so."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from typing import Any

from ..types import Message

_KINDS = {"image_url": "image", "file": "pdf", "input_audio": "audio", "video_url": "video"}
_NOTES = {
    "image": "[An image was attached here. This model cannot see images.]",
    "pdf": "[A document was attached here. This model cannot read documents.]",
    "audio": "[A recording was attached here. This model cannot listen.]",
    "video": "[A video was attached here. This model cannot see videos.]",
}


def readable(messages: Iterable[Message], unreadable: Collection[str]) -> list[Message]:
    """The messages with a note in the place of attachments of a kind, such as ``image``, that is unreadable."""
    return [
        {**message, "content": [_readable(part, unreadable) for part in message["content"]]}
        if isinstance(message.get("content"), list)
        else message
        for message in messages
    ]


def _readable(part: Any, unreadable: Collection[str]) -> Any:
    kind = _KINDS.get(part.get("type", "")) if isinstance(part, dict) else None
    return {"type": "text", "text": _NOTES[kind]} if kind in unreadable and kind else part
