"""Mode ``events``: each activity is an object under the extension key ``agent_event``.

It stands on a chunk with an empty delta in a stream, in a list at the top level of a whole answer. Known clients ignore
the key or can read it; none takes it for a tool call.
"""

from __future__ import annotations

from typing import Any

from ...types import AgentSwitched
from ...types import Event
from ...types import ToolFinished
from ...types import ToolsetUnavailable
from ...types import ToolStarted
from .pieces import Extension
from .pieces import Piece
from .renderer import Renderer


class EventsRenderer(Renderer):
    """Shows every activity, with ``preview`` characters of arguments and results."""

    def pieces(self, event: Event) -> list[Piece]:
        """One extension, or nothing."""
        activity = agent_event(event, self._preview)
        return [Extension("agent_event", activity, "agent_events")] if activity is not None else []


def agent_event(event: Event, preview: int) -> dict[str, Any] | None:
    """The activity that an event is, or None. ``preview`` is how many characters of arguments and results it shows."""
    if isinstance(event, ToolStarted):
        return _tool("tool_start", event, preview) | {"status": "running"}
    if isinstance(event, ToolFinished):
        status = "error" if event.result.is_error else "completed"
        activity = _tool("tool_end", event, preview) | {"status": status, "duration_ms": round(event.duration * 1000)}
        return activity | ({"result": event.result.content[:preview]} if preview else {})
    if isinstance(event, AgentSwitched):
        kind = "agent_end" if event.kind == "transfer_end" else "agent_start"
        return {"type": kind, "agent": event.target, "from": event.source, "kind": event.kind, "depth": event.depth}
    if isinstance(event, ToolsetUnavailable):
        return {"type": "toolset_unavailable", "toolset": event.toolset, "reason": event.reason, "agent": event.agent}
    return None


def _tool(kind: str, event: ToolStarted | ToolFinished, preview: int) -> dict[str, Any]:
    activity: dict[str, Any] = {"type": kind, "id": event.call.id, "name": event.call.name}
    activity |= {"agent": event.agent, "depth": event.depth}
    return activity | ({"arguments": event.call.arguments[:preview]} if preview else {})
