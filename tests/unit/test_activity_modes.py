"""What each mode makes of the same work."""

from __future__ import annotations

import html
import json
import re

import pytest

from flask_agent_api.settings import Settings
from flask_agent_api.settings import TOOL_ACTIVITY
from flask_agent_api.types import AgentSwitched
from flask_agent_api.types import Event
from flask_agent_api.types import ToolCall
from flask_agent_api.types import ToolFinished
from flask_agent_api.types import ToolResult
from flask_agent_api.types import ToolsetUnavailable
from flask_agent_api.types import ToolStarted
from flask_agent_api.types import Usage
from flask_agent_api.web.activity.modes import MODES
from flask_agent_api.web.activity.modes import renderer_for
from flask_agent_api.web.activity.pieces import Extension
from flask_agent_api.web.activity.pieces import Piece
from flask_agent_api.web.activity.pieces import RawDelta
from flask_agent_api.web.activity.pieces import Reasoning
from flask_agent_api.web.activity.pieces import Text

CALL = ToolCall("call_1", "search", '{"q": "x\\n<y>"}')
INNER = ToolCall("call_2", "add", "{}")
WORK: list[Event] = [
    ToolStarted(CALL, "a"),
    AgentSwitched("a", "b", "transfer"),
    ToolStarted(INNER, "b", 1),
    ToolFinished(INNER, ToolResult("no \u2028luck", is_error=True), 0.5, "b", 1),
    AgentSwitched("b", "a", "transfer_end"),
    ToolFinished(CALL, ToolResult('found\n"it"'), 1.25, "a"),
]


def shown(mode: str, preview: int, events: list[Event]) -> list[Piece]:
    renderer = renderer_for(Settings(tool_activity=mode, activity_preview=preview))
    return [piece for event in events for piece in renderer.pieces(event)] + renderer.end()


def test_settings_know_every_mode() -> None:
    assert tuple(MODES) == TOOL_ACTIVITY


@pytest.mark.parametrize("mode", TOOL_ACTIVITY)
def test_what_is_no_activity_is_not_shown(mode: str) -> None:
    assert shown(mode, 100, [Usage(1, 1)]) == []


def test_none() -> None:
    assert shown("none", 100, WORK) == []


def test_events() -> None:
    pieces = shown("events", 0, WORK)
    assert {type(piece) for piece in pieces} == {Extension}
    kinds = [piece.value["type"] for piece in pieces if isinstance(piece, Extension)]
    assert kinds == ["tool_start", "agent_start", "tool_start", "tool_end", "agent_end", "tool_end"]


def test_reasoning() -> None:
    assert shown("reasoning", 0, WORK) == [
        Reasoning("\nCalling search ...\n"),
        Reasoning("\nDelegating to b ...\n"),
        Reasoning("\nCalling add ...\n"),
        Reasoning("\nadd failed after 0.5 s\n"),
        Reasoning("\nb has answered\n"),
        Reasoning("\nsearch took 1.2 s\n"),
    ]


def test_reasoning_with_previews_stays_a_line_each() -> None:
    first, *_, last = shown("reasoning", 7, WORK)
    assert (first, last) == (Reasoning('\nCalling search {"q": " ...\n'), Reasoning('\nsearch took 1.2 s: found "\n'))
    others: list[Event] = [AgentSwitched("a", "b", "handoff"), ToolsetUnavailable("mcp", "no\nserver")]
    assert shown("reasoning", 0, others) == [
        Reasoning("\nHanding over to b ...\n"),
        Reasoning("\nThe tools of mcp are not available: no server\n"),
    ]


def test_openwebui_is_done_when_nothing_runs() -> None:
    pieces = [piece for piece in shown("openwebui", 0, WORK) if isinstance(piece, Extension)]
    assert [piece.value["data"]["done"] for piece in pieces] == [False, False, False, False, False, True]
    expected = {"type": "status", "data": {"description": "Calling search ...", "done": False}}
    assert pieces[0] == Extension("event", expected)


def test_openwebui_ends_a_call_that_never_ended() -> None:
    start, end = shown("openwebui", 0, [ToolStarted(CALL, "a")])
    assert isinstance(start, Extension)
    assert isinstance(end, Extension)
    assert (start.value["data"]["done"], end.value["data"]["done"]) == (False, True)


def test_details_is_a_block_whose_values_survive() -> None:
    _, card = shown("details", 100, WORK)
    assert isinstance(card, Text)
    head, summary, end = card.text.strip("\n").split("\n")
    assert card.text.startswith("\n\n<details ")
    assert card.text.endswith("</details>\n\n")
    assert (summary, end) == ("<summary>Tool Executed</summary>", "</details>")
    values = {key: html.unescape(value) for key, value in re.findall(r'(\w+)="(.*?)"', head)}
    assert json.loads(values.pop("arguments")) == CALL.arguments
    assert json.loads(values.pop("result")) == 'found\n"it"'
    assert values == {"type": "tool_calls", "done": "true", "id": "call_1", "name": "search"}


def test_details_without_preview_is_an_empty_card() -> None:
    assert shown("details", 0, WORK)[1] == Text(
        '\n\n<details type="tool_calls" done="true" id="call_1" name="search" arguments="" result="">\n'
        "<summary>Tool Executed</summary>\n</details>\n\n"
    )


@pytest.mark.parametrize(("preview", "result"), [(0, ""), (3, "fou"), (100, 'found\n"it"')])
def test_tags_and_tool_role_as_tiny_agents_writes_them(preview: int, result: str) -> None:
    info = f"Tool[search] call_1\n{result}"
    assert shown("tags", preview, WORK)[1] == Text(f"<tool_call_info>{info}</tool_call_info>")
    assert shown("tool_role", preview, WORK)[1] == RawDelta({"role": "tool", "content": info})


def test_tool_calls_as_docker_agent_writes_them() -> None:
    function = {"name": "search", "arguments": CALL.arguments}
    call = {"id": "call_1", "type": "function", "function": function}
    first, second = shown("tool_calls", 100, WORK)
    assert first == RawDelta({"tool_calls": [{"index": 0, **call}]}, {"tool_calls": [call]})
    assert isinstance(second, RawDelta)
    assert second.delta["tool_calls"][0]["index"] == 1


@pytest.mark.parametrize(("arguments", "preview"), [('{"q": 1}', 0), ('{"q": 1}', 7), ('{"q": ', 100), ("", 100)])
def test_tool_calls_never_have_arguments_that_cannot_be_parsed(arguments: str, preview: int) -> None:
    (piece,) = shown("tool_calls", preview, [ToolStarted(ToolCall("c", "t", arguments))])
    assert isinstance(piece, RawDelta)
    assert piece.delta["tool_calls"][0]["function"]["arguments"] == "{}"
