"""The toolsets ``session_plan`` and ``open_url``, and the types of toolsets that do not work here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.docker_agent.toolset_fields import NOT_HERE
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.session_plan import SessionPlanToolset
from flask_agent_api.types import RunRequest


def call(ctx: RunContext, name: str, **arguments: Any) -> str:
    tool = next(tool for tool in SessionPlanToolset().tools(ctx) if tool.name == name)
    result = tool.call(arguments, ctx)
    assert isinstance(result, str)
    return result


def root(folder: Path, toolset: str, environ: dict[str, str] | None = None) -> ModelAgent:
    (folder / "team.yaml").write_text(f"agents: {{root: {{model: demo/demo, toolsets: [{toolset}]}}}}")
    agent = load_docker_agent(folder / "team.yaml", Settings(), environ or {}).agents["root"]
    assert isinstance(agent, ModelAgent)
    return agent


def test_a_plan_is_written_read_and_declared_ready() -> None:
    ctx = RunContext(Settings())
    call(ctx, "write_session_plan", content="# One")
    call(ctx, "write_session_plan", content="# Two")
    assert call(ctx, "read_session_plan") == "# Two"
    assert call(ctx, "exit_plan_mode").startswith("Plan ready for review.")


def test_a_plan_belongs_to_one_run() -> None:
    call(RunContext(Settings()), "write_session_plan", content="# One")
    for name in ("read_session_plan", "exit_plan_mode"):
        with pytest.raises(ToolError, match="write_session_plan"):
            call(RunContext(Settings()), name)


@pytest.mark.parametrize("content", ["", " \n", None, 3])
def test_an_empty_plan_is_none(content: Any) -> None:
    ctx = RunContext(Settings())
    with pytest.raises(ToolError, match="content"):
        call(ctx, "write_session_plan", content=content)
    with pytest.raises(ToolError, match="no plan written yet"):
        call(ctx, "read_session_plan")


def test_agents_that_hand_over_see_one_plan(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(
        "agents:\n  root: {model: demo/demo, handoffs: [worker], toolsets: [{type: session_plan}]}\n"
        "  worker: {model: demo/demo, toolsets: [{type: session_plan, tools: [read_session_plan]}]}\n"
    )
    agents = load_docker_agent(tmp_path / "team.yaml", Settings(), {}).agents
    team: dict[str, Any] = {}
    for name, model in (
        (
            "root",
            ScriptedModel([tool_call("write_session_plan", content="# P")], [tool_call("handoff", agent="worker")]),
        ),
        ("worker", reader := ScriptedModel([tool_call("read_session_plan")], "done")),
    ):
        loaded = agents[name]
        assert isinstance(loaded, ModelAgent)
        team[name] = ModelAgent(name, model, toolsets=loaded.toolsets, handoffs=loaded.handoffs, team=team)
    list(team["root"].run(RunRequest([{"role": "user", "content": "go"}]), RunContext(Settings())))
    assert reader.requests[-1].messages[-1]["content"] == "# P"


def test_a_link_of_the_file_is_for_the_answer(tmp_path: Path) -> None:
    agent = root(tmp_path, "{type: open_url, name: open docs, url: 'https://${env.HOST}/x?a=1'}", {"HOST": "a.org"})
    assert not agent.warnings
    ctx = RunContext(Settings())
    (tool,) = agent.toolsets[0].tools(ctx)
    assert (tool.name, tool.parameters["properties"], tool.needs) == ("open_docs", {}, "")
    assert str(tool.call({}, ctx)).endswith("for the user to open: https://a.org/x?a=1")
    assert "`open_docs`" in agent.toolsets[0].instructions(ctx)
    (tool,) = root(tmp_path, "{type: open_url, url: 'https://a.org'}").toolsets[0].tools(ctx)
    assert tool.name == "open_url"


@pytest.mark.parametrize("url", ["''", "a.org/x", "'${env.NOT_SET}'"])
def test_without_an_address_there_is_no_link(tmp_path: Path, url: str) -> None:
    agent = root(tmp_path, f"{{type: open_url, url: {url}}}")
    assert "the agent runs without it" in agent.warnings[0]
    with pytest.raises(ToolError, match="open_url"):
        agent.toolsets[0].tools(RunContext(Settings()))


@pytest.mark.parametrize("kind", NOT_HERE)
def test_what_does_not_work_here_is_a_warning_that_says_what_to_do_instead(tmp_path: Path, kind: str) -> None:
    agent = root(tmp_path, f"{{type: {kind}}}, {{type: think}}")
    (warning,) = agent.warnings
    assert f'"{kind}" toolsets do not work here, the agent runs without it: {NOT_HERE[kind]}' in warning
    assert [toolset.kind for toolset in agent.toolsets] == ["think"]
