"""The results of tool calls as messages for a model."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence

from ..types import Image
from ..types import Message
from ..types import ToolCall
from ..types import ToolResult
from .shortened import middle_out
from .shortened import SHOWN_BY


def tool_messages(calls: Sequence[ToolCall], results: Sequence[ToolResult], room: int) -> list[Message]:
    """A message for each call, and one with all that they show: most APIs take images from users alone.

    Results of more than ``room`` tokens lose their middle; 0 leaves them whole.
    """
    messages: list[Message] = [
        {"role": "tool", "tool_call_id": call.id, "content": middle_out(result.content, room)}
        for call, result in zip(calls, results, strict=True)
    ]
    parts = [part for call, result in zip(calls, results, strict=True) for part in _parts(call.name, result.images)]
    return [*messages, {"role": "user", "content": parts}] if parts else messages


def _parts(tool: str, images: Sequence[Image]) -> Iterator[Message]:
    for image in images:
        yield {"type": "text", "text": f"{SHOWN_BY}{tool})"}
        yield {"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{image.data}"}}
