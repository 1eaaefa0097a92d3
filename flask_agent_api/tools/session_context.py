"""The toolset ``session_context``: what the same user said to the same agent in other conversations."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Sequence
from datetime import datetime
from datetime import timezone
from typing import Any

from ..context import PastConversation
from ..context import RunContext
from ..errors import ToolError
from ..types import JSONSchema
from ..types import Message
from .arguments import positive
from .arguments import text
from .base import Tool

LISTED = 20
"""Conversations that are listed where the model does not say how many."""

MOST_LISTED = 100
"""Conversations that are listed at the most."""

MAX_CHARS = 24_000
"""Characters of a conversation that is read; of a longer one the latest messages."""

_TITLE = 80
_HEADINGS = {"tool": "tool result"}
_INSTRUCTIONS = """\
You can look into other conversations of this user with you. list_sessions shows the latest ones, read_session one of \
them, by its id or as -1 for the latest, -2 for the one before. Do so when something that was said there is of use \
now, rather than have the user say it again."""


class SessionContextToolset:
    """``list_sessions`` and ``read_session``. They need ``memory`` in ``AGENT_API_ALLOW``."""

    kind = "session_context"

    def __init__(self, name: str = "session_context") -> None:
        self.name = name
        self._tools = (
            _SessionTool(
                "list_sessions", "List other conversations with this user, the latest first.",
                {"limit": {"type": "integer", "description": f"How many, {LISTED} unless set, {MOST_LISTED} at most."}},
                _list, (),
            ),
            _SessionTool(
                "read_session", "Read another conversation with this user, of a long one the latest messages.",
                {"session_id": {"type": "string", "description": "Its id, or -1 for the latest, -2 for the next."}},
                _read, ("session_id",),
            ),
        )  # fmt: skip

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The two tools."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """When to look."""
        return _INSTRUCTIONS


class _SessionTool:
    read_only = True
    timeout: float | None = None
    needs = "memory"

    def __init__(
        self,
        name: str,
        description: str,
        properties: JSONSchema,
        do: Callable[[dict[str, Any], RunContext], str],
        required: Sequence[str],
    ) -> None:
        self.name = name
        self.description = description
        self.parameters: JSONSchema = {"type": "object", "properties": properties, "required": list(required)}
        self._do = do

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Looks. Raises :class:`ToolError` for a conversation that is not there."""
        return self._do(arguments, ctx)


def _list(arguments: dict[str, Any], ctx: RunContext) -> str:
    limit = min(positive(arguments, "limit") or LISTED, MOST_LISTED)
    found = [
        {"id": each.id, "title": _title(each), "created_at": _time(each.created), "num_messages": each.length}
        for each in ctx.conversations.list(limit)
    ]
    return json.dumps(found, ensure_ascii=False)


def _read(arguments: dict[str, Any], ctx: RunContext) -> str:
    id_ = arguments.get("session_id")
    asked = str(id_) if isinstance(id_, int) and not isinstance(id_, bool) else text(arguments, "session_id").strip()
    if not asked:
        raise ToolError("`session_id` must not be empty")
    if found := re.fullmatch(r"-([1-9]\d{0,2})", asked):
        latest = ctx.conversations.list(int(found[1]))
        if len(latest) < int(found[1]):
            raise ToolError(f"cannot resolve session {asked!r}: there are {len(latest)}")
        asked = latest[-1].id
    past = ctx.conversations.read(asked)
    if past is None:
        raise ToolError(f"session {asked!r} not found: list_sessions shows the ids")
    return _transcript(past)


def _transcript(past: PastConversation) -> str:
    """The conversation as text. Where it is too long the oldest messages are left out, and it says so."""
    head = f"# Session {past.id} — {_title(past)}\nCreated: {_time(past.created)}\nMessages: {past.length}\n"
    blocks = [block for message in past.messages if (block := _block(message))]
    kept: list[str] = []
    room = MAX_CHARS - len(head) - 100
    for block in reversed(blocks):
        room -= len(block) + 2
        if kept and room < 0:
            break
        kept.append(block[:MAX_CHARS])
    left_out = len(blocks) - len(kept)
    note = [f"[{left_out} earlier messages are left out here; these are the latest {len(kept)}]"] if left_out else []
    return "\n\n".join([head.rstrip(), *note, *reversed(kept)])


def _block(message: Message) -> str:
    """A message with its calls; empty for one that says nothing."""
    role = str(message.get("role"))
    lines = [content] if (content := _said(message).strip()) else []
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        lines.append(f"→ called tool `{function.get('name')}` with {function.get('arguments') or '{}'}")
    return "\n".join([f"## {_HEADINGS.get(role, role)}", *lines]) if lines else ""


def _said(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in content or () if isinstance(part, dict) and part.get("text"))


def _title(past: PastConversation) -> str:
    """How the user began, in one line."""
    first = next((_said(message) for message in past.messages if message.get("role") == "user"), "")
    line = " ".join(first.split())
    return (line[:_TITLE] + "…" if len(line) > _TITLE else line) or "(untitled)"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
