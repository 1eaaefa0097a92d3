"""The toolset ``plan``: its eight tools, and where it keeps and takes what is in plans."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import Principal
from flask_agent_api.context import RunContext
from flask_agent_api.errors import NotAllowed
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.base import Toolset
from flask_agent_api.tools.filesystem.jail import Jail
from flask_agent_api.tools.keeping import plan_list
from flask_agent_api.tools.keeping.plans import PlanToolset
from flask_agent_api.tools.keeping.records import RecordFile


@pytest.fixture
def ctx(tmp_path: Path) -> RunContext:
    return RunContext(Settings(data_dir=str(tmp_path / "data"), allow=("memory", "write")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def toolset(folder: Path) -> PlanToolset:
    return PlanToolset(RecordFile("plan/team/plan.db"), Jail(folder))


def call(toolset: Toolset, ctx: RunContext, tool_name: str, /, **arguments: Any) -> Any:
    tool = next(tool for tool in toolset.tools(ctx) if tool.name == tool_name)
    result = tool.call(arguments, ctx)
    assert isinstance(result, str)
    return json.loads(result)


def test_a_plan_is_kept_with_its_labels(toolset: PlanToolset, ctx: RunContext) -> None:
    made = call(toolset, ctx, "write_plan", name="release", content="# One", title="The release", author="ann")
    assert list(made) == ["name", "title", "content", "author", "revision", "updatedAt"]
    assert made["updatedAt"].endswith("Z")
    later = RunContext(ctx.settings)
    assert call(toolset, later, "read_plan", name="release") == made
    changed = call(toolset, later, "write_plan", name="release", content="# Two", status="open", title="")
    assert (changed["title"], changed["author"], changed["status"]) == ("The release", "ann", "open")
    assert (changed["content"], changed["revision"]) == ("# Two", 2)


def test_the_list_has_all_but_the_content(toolset: PlanToolset, ctx: RunContext) -> None:
    assert call(toolset, ctx, "list_plans") == {"plans": []}
    for name in ("b", "a"):
        call(toolset, ctx, "write_plan", name=name, content="x", status="open")
    plans = call(toolset, ctx, "list_plans")["plans"]
    assert [plan["name"] for plan in plans] == ["a", "b"]
    assert set(plans[0]) == {"name", "status", "revision", "updatedAt"}


def test_the_status_has_tools_of_its_own(toolset: PlanToolset, ctx: RunContext) -> None:
    call(toolset, ctx, "write_plan", name="p", content="x")
    assert call(toolset, ctx, "get_plan_status", name="p") == {"name": "p", "status": "", "revision": 1}
    status = {"name": "p", "status": "done", "revision": 2}
    assert call(toolset, ctx, "set_plan_status", name="p", status="done") == status
    assert call(toolset, ctx, "get_plan_status", name="p") == status
    assert call(toolset, ctx, "read_plan", name="p")["content"] == "x"


def test_who_knows_an_older_revision_changes_nothing(toolset: PlanToolset, ctx: RunContext) -> None:
    call(toolset, ctx, "write_plan", name="p", content="one", last_known_revision=0)
    call(toolset, ctx, "write_plan", name="p", content="two", last_known_revision="1")
    for name, arguments in (
        ("write_plan", {"content": "three"}),
        ("set_plan_status", {"status": "done"}),
        ("delete_plan", {}),
    ):
        with pytest.raises(ToolError, match=r"last_known_revision 1 does not match current revision 2; re-read"):
            call(toolset, ctx, name, name="p", last_known_revision=1, **arguments)
    assert call(toolset, ctx, "read_plan", name="p")["content"] == "two"
    assert call(toolset, ctx, "delete_plan", name="p", last_known_revision=2) == {"deleted": "p"}
    assert call(toolset, ctx, "list_plans") == {"plans": []}


def test_a_plan_goes_to_a_file_and_comes_back(toolset: PlanToolset, ctx: RunContext, folder: Path) -> None:
    call(toolset, ctx, "write_plan", name="p", content="eins ä", title="T")
    exported = call(toolset, ctx, "export_plan_to_file", name="p", path="plans/p.md")
    assert exported == {"name": "p", "path": "plans/p.md", "title": "T", "revision": 1, "bytesWritten": 7}
    assert (folder / "plans" / "p.md").read_text() == "eins ä"
    (folder / "plans" / "p.md").write_text("zwei")
    updated = call(toolset, ctx, "update_plan_from_file", name="p", path="plans/p.md", last_known_revision=1)
    assert (updated["content"], updated["title"], updated["revision"]) == ("zwei", "T", 2)


@pytest.mark.parametrize("path", ["../secret", "/etc/hostname", ".env", "missing.md", ""])
def test_files_that_agents_do_not_reach_are_no_plans(
    toolset: PlanToolset, ctx: RunContext, folder: Path, path: str
) -> None:
    (folder.parent / "secret").write_text("s")
    (folder / ".env").write_text("KEY=1")
    with pytest.raises(ToolError):
        call(toolset, ctx, "update_plan_from_file", name="p", path=path)
    assert call(toolset, ctx, "list_plans") == {"plans": []}


def test_to_write_a_file_takes_both_words(toolset: PlanToolset, ctx: RunContext, folder: Path) -> None:
    call(toolset, ctx, "write_plan", name="p", content="x")
    assert {tool.name: tool.needs for tool in toolset.tools(ctx)}["export_plan_to_file"] == "write"
    assert {tool.needs for tool in toolset.tools(ctx) if tool.name != "export_plan_to_file"} == {"memory"}
    ctx.settings = replace(ctx.settings, allow=("write",))
    with pytest.raises(NotAllowed, match="AGENT_API_ALLOW=memory"):
        call(toolset, ctx, "export_plan_to_file", name="p", path="p.md")
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("write_plan", {"name": "My Plan", "content": "x"}, "invalid plan name 'My Plan': use only lowercase"),
        ("write_plan", {"name": "../x", "content": "x"}, "invalid plan name"),
        ("write_plan", {"name": "p", "content": ""}, "`content` must not be empty"),
        ("write_plan", {"name": "p"}, "`content` must be a text"),
        ("write_plan", {"name": "p", "content": "x" * 20_001}, "may have 20000 characters, and this one has 20001"),
        ("write_plan", {"name": "p", "content": "x", "title": "t" * 301}, "`title` may have 300 characters"),
        ("write_plan", {"name": "p", "content": "x", "last_known_revision": True}, "version conflict"),
        ("read_plan", {"name": "p"}, 'plan "p" not found'),
        ("delete_plan", {"name": "p"}, 'plan "p" not found'),
        ("set_plan_status", {"name": "p", "status": "done"}, 'plan "p" not found'),
        ("export_plan_to_file", {"name": "p", "path": "p.md"}, 'plan "p" not found'),
        ("read_plan", {}, "`name` must be a text"),
    ],
)
def test_wrong_arguments_change_nothing(
    toolset: PlanToolset, ctx: RunContext, name: str, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ToolError, match=problem):
        call(toolset, ctx, name, **arguments)
    assert call(toolset, ctx, "list_plans") == {"plans": []}


def test_an_empty_status_is_none(toolset: PlanToolset, ctx: RunContext) -> None:
    call(toolset, ctx, "write_plan", name="p", content="x")
    with pytest.raises(ToolError, match="`status` must not be empty"):
        call(toolset, ctx, "set_plan_status", name="p", status=" ")


def test_there_is_a_most_of_plans(toolset: PlanToolset, ctx: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_list, "MAX_PLANS", 2)
    for name in ("a", "b", "a"):
        call(toolset, ctx, "write_plan", name=name, content="x")
    with pytest.raises(ToolError, match="there are 2 plans, which is the most"):
        call(toolset, ctx, "write_plan", name="c", content="x")


def test_each_caller_has_plans_of_their_own(toolset: PlanToolset, ctx: RunContext) -> None:
    call(toolset, ctx, "write_plan", name="p", content="x")
    bob = RunContext(ctx.settings, principal=Principal("bob"))
    assert call(toolset, bob, "list_plans") == {"plans": []}
    assert call(toolset, RunContext(ctx.settings), "list_plans")["plans"]


def test_agents_of_a_file_share_their_plans(tmp_path: Path, ctx: RunContext) -> None:
    (tmp_path / "team.yaml").write_text(
        "agents:\n"
        "  root: {model: demo/demo, toolsets: [{type: plan, tools: [read_plan]}]}\n"
        "  planner: {model: demo/demo, toolsets: [{type: plan}]}\n"
    )
    agents = load_docker_agent(tmp_path / "team.yaml", Settings(), {}).agents
    root, planner = agents["root"], agents["planner"]
    assert isinstance(root, ModelAgent)
    assert isinstance(planner, ModelAgent)
    assert not root.warnings
    call(planner.toolsets[0], ctx, "write_plan", name="p", content="x")
    assert [tool.name for tool in root.toolsets[0].tools(ctx)] == ["read_plan"]
    assert call(root.toolsets[0], ctx, "read_plan", name="p")["content"] == "x"
    assert (tmp_path / "data" / "plan" / "team" / "plan.db").exists()
