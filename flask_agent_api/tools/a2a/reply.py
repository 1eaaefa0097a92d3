"""What an A2A agent answers: a message, or a task in some state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ...errors import ToolError
from ...types import Image
from ...types import IMAGE_TYPES
from ...types import ToolResult

_IMAGE_CHARS = 8 * 1024 * 1024
_UNDER_WAY = frozenset({"", "submitted", "unknown", "unspecified", "working"})
_IN_VAIN = {
    "auth-required": "the agent wants a login that it cannot be given here",
    "canceled": "the agent's task was cancelled",
    "cancelled": "the agent's task was cancelled",
    "failed": "the agent failed",
    "rejected": "the agent does not take this task",
}
_ASKS = "(The agent asks this before it goes on. It forgets what it was told: say all of it again, with the answer.)"


@dataclass(frozen=True, slots=True)
class Reply:
    """A message, or a task as it stands. ``state`` is None for a message, else in the words of version 0.3."""

    state: str | None
    task_id: str
    text: str
    images: tuple[Image, ...] = field(default=(), repr=False)

    @property
    def under_way(self) -> bool:
        """Whether there is more to come."""
        return self.state is not None and self.state in _UNDER_WAY

    def result(self) -> ToolResult:
        """What the model gets to read. Raises :class:`ToolError` for a task that came to nothing."""
        if self.state in _IN_VAIN:
            raise ToolError(_IN_VAIN[self.state] + (f": {self.text}" if self.text else ""))
        if self.state == "input-required":
            return ToolResult(f"{self.text or 'What else should I know?'}\n\n{_ASKS}", images=self.images)
        if not self.text and not self.images:
            raise ToolError("the agent gave no answer")
        return ToolResult(self.text, images=self.images)


def read_reply(result: Mapping[str, Any]) -> Reply:
    """The reply in a JSON-RPC result, in any version's shape."""
    for wrapper in ("task", "message"):
        if isinstance(inner := result.get(wrapper), dict):
            result = inner
    status = result.get("status")
    if not isinstance(status, dict) and result.get("kind") != "task":
        return Reply(None, "", *_content([result]))
    status = status if isinstance(status, dict) else {}
    state = str(status.get("state") or "").removeprefix("TASK_STATE_").lower().replace("_", "-")
    said = status.get("message")
    content = _content([*_items(result, "artifacts"), *([said] if isinstance(said, dict) else [])])
    if content == ("", ()) and state not in _UNDER_WAY:
        content = _content(_last_said(result))
    return Reply(state, str(result.get("id") or ""), *content)


def _last_said(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The agent's last message, of agents that leave their answers in the history."""
    said = [each for each in _items(task, "history") if str(each.get("role")).lower() in {"agent", "role_agent"}]
    return said[-1:]


def _content(sources: list[Mapping[str, Any]]) -> tuple[str, tuple[Image, ...]]:
    """The texts of messages and artifacts, one below the other. The parts of one are pieces of the same text."""
    texts: list[str] = []
    images: list[Image] = []
    for source in sources:
        parts = _items(source, "parts")
        images += [image for part in parts if (image := _image(part))]
        texts.append("".join(_lines(parts)).strip())
    return "\n".join(dict.fromkeys(text for text in texts if text)), tuple(images)


def _lines(parts: list[Mapping[str, Any]]) -> Iterator[str]:
    for part in parts:
        if isinstance(text := part.get("text"), str):
            yield text
        elif part.get("data") is not None:
            yield f"\n{json.dumps(part['data'], ensure_ascii=False)}\n"
        else:
            yield f"\n[{_named(part)}]\n"


def _named(part: Mapping[str, Any]) -> str:
    """What a part is that cannot be shown as text."""
    kind, _, address, name = _file(part)
    return ", ".join(text for text in ("file", name, kind, address) if text)


def _image(part: Mapping[str, Any]) -> Image | None:
    kind, data, _, _ = _file(part)
    return Image(kind, data) if data and kind in IMAGE_TYPES and len(data) <= _IMAGE_CHARS else None


def _file(part: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Media type, base64, address and name of a file, empty where there is none, by the names of all versions."""
    inner = part.get("file")
    fields = {**part, **(inner if isinstance(inner, dict) else {})}

    def first(*names: str) -> str:
        return next((value for name in names if isinstance(value := fields.get(name), str)), "")

    data = first("raw", "bytes", "fileWithBytes")
    return first("mediaType", "mimeType"), data, first("url", "uri", "fileWithUri"), first("filename", "name")


def _items(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = data.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
