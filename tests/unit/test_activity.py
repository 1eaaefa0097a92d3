from __future__ import annotations

from typing import Any

import pytest

from flask_agent_api.types import AgentSwitched
from flask_agent_api.types import Done
from flask_agent_api.types import Event
from flask_agent_api.types import ReasoningDelta
from flask_agent_api.types import TextDelta
from flask_agent_api.types import ToolCall
from flask_agent_api.types import ToolFinished
from flask_agent_api.types import ToolResult
from flask_agent_api.types import ToolsetUnavailable
from flask_agent_api.types import ToolStarted
from flask_agent_api.types import Usage
from flask_agent_api.web.activity.events import agent_event

CALL = ToolCall("call_1", "search", '{"q": "secret"}')


def test_without_preview_neither_arguments_nor_results_are_shown() -> None:
    started = {"type": "tool_start", "id": "call_1", "name": "search", "agent": "a", "depth": 1, "status": "running"}
    assert agent_event(ToolStarted(CALL, "a", 1), 0) == started
    finished = agent_event(ToolFinished(CALL, ToolResult("secret"), 0.0124, "a", 1), 0)
    assert finished == started | {"type": "tool_end", "status": "completed", "duration_ms": 12}


def test_preview_cuts_arguments_and_results() -> None:
    event = agent_event(ToolFinished(CALL, ToolResult("0123456789", is_error=True), 1.0), 5)
    assert event is not None
    assert (event["arguments"], event["result"], event["status"]) == ('{"q":', "01234", "error")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (AgentSwitched("a", "b", "transfer", 0), {"type": "agent_start", "agent": "b", "from": "a"}),
        (AgentSwitched("b", "a", "transfer_end", 0), {"type": "agent_end", "agent": "a", "from": "b"}),
        (ToolsetUnavailable("mcp", "no server"), {"type": "toolset_unavailable", "toolset": "mcp"}),
    ],
)
def test_other_activities(event: Event, expected: dict[str, Any]) -> None:
    assert expected.items() <= (agent_event(event, 0) or {}).items()


@pytest.mark.parametrize("event", [TextDelta("x", depth=1), ReasoningDelta("x"), Usage(1, 1), Done()])
def test_everything_else_is_no_activity(event: Event) -> None:
    assert agent_event(event, 100) is None
