from __future__ import annotations

import logging

import pytest

from flask_agent_api.context import Principal
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import NotAllowed
from flask_agent_api.grants import GRANTS
from flask_agent_api.runtime.tool_calls import run_calls
from flask_agent_api.settings import Settings
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.tools.narrowed import NarrowedToolset
from flask_agent_api.tools.prefixed import PrefixedToolset
from flask_agent_api.types import ToolCall


def run_command() -> str:
    """Does what only the operator can allow."""
    return "it ran"


TOOL = FunctionTool(run_command, needs="shell")


def call(ctx: RunContext, name: str = "run_command", arguments: str = "{}") -> tuple[str, bool]:
    calls = run_calls([ToolCall("c1", name, arguments)], {TOOL.name: TOOL}, "root", ctx)
    (result,) = [result for _, results in calls for result in results]
    return result.content, result.is_error


@pytest.mark.parametrize("value", ["shell", "write, shell", "*", ["shell"]])
def test_a_tool_runs_when_the_operator_allows_what_it_needs(value: object) -> None:
    settings = Settings.from_mapping({"AGENT_API_ALLOW": value}, {})
    assert call(RunContext(settings)) == ("it ran", False)


def test_nothing_is_allowed_by_default() -> None:
    content, is_error = call(RunContext(Settings()))
    assert is_error
    assert content == (
        "Error: The tool run_command is not allowed here. The operator can allow it with AGENT_API_ALLOW=shell"
    )


def test_the_star_means_every_word() -> None:
    assert Settings.from_mapping({}, {"FLASK_AGENT_API_ALLOW": "*"}).allow == tuple(GRANTS)


@pytest.mark.parametrize(
    ("value", "near"), [("shel", "'shell'"), ("shell,hook", "'hooks'"), ("remote_files", "'remote-files'")]
)
def test_an_unknown_word_stops_the_start_and_names_the_nearest(value: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f"AGENT_API_ALLOW: unknown word.*did you mean {near}"):
        Settings.from_mapping({"AGENT_API_ALLOW": value}, {})


def test_an_agents_option_adds_to_what_all_may() -> None:
    options = {"ops": {"allow": "shell"}, "quiet": {"allow": ""}}
    settings = Settings.from_mapping({"AGENT_API_ALLOW": "write", "AGENT_API_AGENT_OPTIONS": options}, {})
    assert settings.for_agent("ops").allow == ("write", "shell")
    assert settings.for_agent("quiet").allow == ("write",)
    assert settings.for_agent("other").allow == ("write",)


def test_files_from_elsewhere_are_allowed_for_all_agents_or_none() -> None:
    with pytest.raises(ConfigError, match="ops: `remote-files` is for the setting AGENT_API_ALLOW"):
        Settings.from_mapping({"AGENT_API_AGENT_OPTIONS": {"ops": {"allow": "remote-files"}}}, {})


def test_a_wrapped_tool_needs_what_the_tool_needs() -> None:
    inner = FunctionToolset("commands", [TOOL])
    for wrapped in (PrefixedToolset(inner, "x"), NarrowedToolset(inner, {TOOL.name})):
        assert [tool.needs for tool in wrapped.tools(RunContext(Settings()))] == ["shell"]


def test_a_function_cannot_need_what_nobody_can_allow() -> None:
    with pytest.raises(ConfigError, match="Unknown need 'shel'; did you mean 'shell'"):
        FunctionTool(run_command, needs="shel")


def test_each_call_is_one_line_of_the_audit_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "flask_agent_api.audit")
    allowed = RunContext(Settings(allow=("shell",)), "r1", Principal("key:ab12"))
    call(allowed, arguments='{"secret": "sk-123"}')
    call(RunContext(Settings(), "r2"))
    call(RunContext(Settings(), "r3"), "no\nsuch\x1b[31m tool")
    call(RunContext(Settings(), "r4"), arguments="{")
    assert [record.getMessage() for record in caplog.records if record.name == "flask_agent_api.audit"] == [
        "tool call run=r1 principal='key:ab12' agent='root' tool='run_command' allowed",
        "tool call run=r2 principal='anonymous' agent='root' tool='run_command' denied: AGENT_API_ALLOW lacks shell",
        r"tool call run=r3 principal='anonymous' agent='root' tool='no\nsuch\x1b[31m tool' not called",
        "tool call run=r4 principal='anonymous' agent='root' tool='run_command' not called",
    ]


def test_a_tool_that_refuses_in_the_middle_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    def fetch() -> str:
        raise NotAllowed("That address is not allowed here.", "AGENT_API_ALLOW lacks private-network")

    caplog.set_level(logging.INFO, "flask_agent_api.audit")
    list(run_calls([ToolCall("c1", "fetch", "{}")], {"fetch": FunctionTool(fetch)}, "root", RunContext(Settings())))
    assert caplog.messages[-1].endswith("denied: AGENT_API_ALLOW lacks private-network")
