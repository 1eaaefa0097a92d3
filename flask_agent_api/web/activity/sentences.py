"""Activity in plain words, a line each."""

from __future__ import annotations

from ...types import AgentSwitched
from ...types import Event
from ...types import ToolFinished
from ...types import ToolsetUnavailable
from ...types import ToolStarted


def sentence(event: Event, preview: int) -> str:
    """What happens, or "" for what is no activity. ``preview`` characters of arguments and results are shown."""
    if isinstance(event, ToolStarted):
        return _line(f"Calling {event.call.name}", event.call.arguments[:preview], "...")
    if isinstance(event, ToolFinished):
        end = "failed after" if event.result.is_error else "took"
        result = event.result.content[:preview]
        return _line(f"{event.call.name} {end} {event.duration:.1f} s{':' if result else ''}", result)
    if isinstance(event, AgentSwitched):
        if event.kind == "transfer_end":
            return _line(f"{event.source} has answered")
        return _line("Handing over to" if event.kind == "handoff" else "Delegating to", event.target, "...")
    if isinstance(event, ToolsetUnavailable):
        return _line(f"The tools of {event.toolset} are not available:", event.reason)
    return ""


def _line(*parts: str) -> str:
    return " ".join(" ".join(parts).split())
