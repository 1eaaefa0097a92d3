"""The toolset ``tasks``: its eight tools, and where it keeps what they make."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import Principal
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.base import Toolset
from flask_agent_api.tools.keeping import task_list
from flask_agent_api.tools.keeping.records import RecordFile
from flask_agent_api.tools.keeping.tasks import TasksToolset


@pytest.fixture
def ctx(tmp_path: Path) -> RunContext:
    return RunContext(Settings(data_dir=str(tmp_path / "data")))


@pytest.fixture
def toolset(tmp_path: Path) -> TasksToolset:
    return TasksToolset(RecordFile("tasks/team/tasks.db"), tmp_path)


def call(toolset: Toolset, ctx: RunContext, name: str, **arguments: Any) -> Any:
    tool = next(tool for tool in toolset.tools(ctx) if tool.name == name)
    result = tool.call(arguments, ctx)
    assert isinstance(result, str)
    return json.loads(result) if result[0] in "[{" else result


def create(toolset: Toolset, ctx: RunContext, title: str, **arguments: Any) -> str:
    return str(call(toolset, ctx, "create_task", title=title, **arguments)["id"])


def titles(toolset: Toolset, ctx: RunContext, **arguments: Any) -> list[str]:
    return [task["title"] for task in call(toolset, ctx, "list_tasks", **arguments)]


def test_a_task_is_kept_with_its_details(toolset: TasksToolset, ctx: RunContext) -> None:
    made = call(toolset, ctx, "create_task", title=" shop ", description="milk", priority="HIGH")
    assert set(made) == {
        "id", "title", "description", "priority", "status", "dependencies", "createdAt", "updatedAt"
    }  # fmt: skip
    assert (made["title"], made["description"], made["priority"]) == ("shop", "milk", "high")
    assert (made["status"], made["dependencies"]) == ("pending", [])
    assert made["createdAt"].endswith("Z")
    later = RunContext(ctx.settings)
    assert call(toolset, later, "get_task", id=made["id"]) == {**made, "effectiveStatus": "pending"}
    assert call(toolset, ctx, "create_task", title="rest")["priority"] == "medium"


def test_what_is_left_out_stays_as_it_is(toolset: TasksToolset, ctx: RunContext) -> None:
    other, id_ = create(toolset, ctx, "cook"), create(toolset, ctx, "eat", description="soup")
    changed = call(toolset, ctx, "update_task", id=id_, status="in-progress", dependencies=[other])
    assert (changed["title"], changed["description"], changed["status"]) == ("eat", "soup", "in_progress")
    assert changed["dependencies"] == [other]
    assert call(toolset, ctx, "update_task", id=id_, title="dine", description="")["dependencies"] == [other]
    changed = call(toolset, ctx, "update_task", id=id_, dependencies=[], status="completed", priority="low")
    assert (changed["title"], changed["dependencies"], changed["status"]) == ("dine", [], "done")


def test_a_task_is_blocked_until_what_it_waits_for_is_done(toolset: TasksToolset, ctx: RunContext) -> None:
    cook = create(toolset, ctx, "cook", priority="low")
    eat = create(toolset, ctx, "eat", priority="critical", dependencies=json.dumps([cook]))
    assert call(toolset, ctx, "get_task", id=eat)["effectiveStatus"] == "blocked"
    assert call(toolset, ctx, "next_task")["title"] == "cook"
    assert titles(toolset, ctx) == ["cook", "eat"]
    assert titles(toolset, ctx, status="blocked") == ["eat"]
    call(toolset, ctx, "update_task", id=cook, status="done")
    assert call(toolset, ctx, "next_task")["title"] == "eat"
    call(toolset, ctx, "update_task", id=eat, status="done")
    assert call(toolset, ctx, "next_task") == "No actionable tasks. Everything is either done or blocked."


def test_tasks_are_in_order_of_priority_and_age(toolset: TasksToolset, ctx: RunContext) -> None:
    for title, priority in (("a", "low"), ("b", "medium"), ("c", "critical"), ("d", "medium"), ("e", "high")):
        create(toolset, ctx, title, priority=priority)
    assert titles(toolset, ctx) == ["c", "e", "b", "d", "a"]
    assert titles(toolset, ctx, priority="medium") == ["b", "d"]
    assert titles(toolset, ctx, status="done") == []


def test_dependencies_come_and_go(toolset: TasksToolset, ctx: RunContext) -> None:
    cook, eat = create(toolset, ctx, "cook"), create(toolset, ctx, "eat")
    pair = {"taskId": eat, "dependsOnId": cook}
    assert call(toolset, ctx, "add_dependency", **pair)["dependencies"] == [cook]
    with pytest.raises(ToolError, match="waits for that one already"):
        call(toolset, ctx, "add_dependency", **pair)
    assert call(toolset, ctx, "remove_dependency", **pair)["dependencies"] == []
    call(toolset, ctx, "add_dependency", **pair)
    assert call(toolset, ctx, "delete_task", id=cook) == {"deleted": cook}
    assert call(toolset, ctx, "get_task", id=eat)["dependencies"] == []


def test_no_task_waits_for_itself(toolset: TasksToolset, ctx: RunContext) -> None:
    first = create(toolset, ctx, "first")
    second = create(toolset, ctx, "second", dependencies=[first])
    third = create(toolset, ctx, "third", dependencies=[second])
    for name, arguments in (
        ("add_dependency", {"taskId": first, "dependsOnId": third}),
        ("add_dependency", {"taskId": first, "dependsOnId": first}),
        ("update_task", {"id": first, "dependencies": [third], "title": "changed"}),
    ):
        with pytest.raises(ToolError, match="cycle"):
            call(toolset, ctx, name, **arguments)
    assert call(toolset, ctx, "get_task", id=first)["title"] == "first"
    assert call(toolset, ctx, "add_dependency", taskId=third, dependsOnId=first)["dependencies"] == [second, first]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("create_task", {}, "`title`"),
        ("create_task", {"title": " "}, "`title`"),
        ("create_task", {"title": "x" * 301}, "`title`"),
        ("create_task", {"title": "x", "description": "y" * 20_001}, "20000 characters"),
        ("create_task", {"title": "x", "priority": "urgent"}, "There are critical, high, medium, low"),
        ("create_task", {"title": "x", "dependencies": ["nothing"]}, "dependency task not found: 'nothing'"),
        ("create_task", {"title": "x", "dependencies": [1]}, "`dependencies` must be a list of texts"),
        ("update_task", {"id": "nothing", "status": "done"}, "task not found: 'nothing'"),
        ("get_task", {}, "`id` must be a text"),
        ("delete_task", {"id": "nothing"}, "task not found"),
        ("list_tasks", {"status": "open"}, "There are pending, in_progress, done, blocked"),
        ("add_dependency", {"taskId": "a", "dependsOnId": "b"}, "task not found: 'a'"),
    ],
)
def test_wrong_arguments_change_nothing(
    toolset: TasksToolset, ctx: RunContext, name: str, arguments: dict[str, Any], message: str
) -> None:
    create(toolset, ctx, "shop")
    before = call(toolset, ctx, "list_tasks")
    with pytest.raises(ToolError, match=message):
        call(toolset, ctx, name, **arguments)
    assert call(toolset, ctx, "list_tasks") == before


def test_a_wrong_status_changes_nothing_else(toolset: TasksToolset, ctx: RunContext) -> None:
    id_ = create(toolset, ctx, "shop")
    with pytest.raises(ToolError, match="invalid status: 'gone'"):
        call(toolset, ctx, "update_task", id=id_, title="cook", status="gone")
    assert titles(toolset, ctx) == ["shop"]


def test_a_description_may_come_from_a_file_of_prose(toolset: TasksToolset, ctx: RunContext, tmp_path: Path) -> None:
    (tmp_path / "menu.md").write_text("# Soup")
    (tmp_path / ".env").write_text("KEY=1")
    (tmp_path / "env.md").symlink_to("/etc/passwd")
    made = call(toolset, ctx, "create_task", title="cook", path="menu.md", description="ignored")
    assert made["description"] == "# Soup"
    for path, message in (
        (".env", "file of prose"),
        ("../menu.md", r"without `\.\.`"),
        (f"{tmp_path}/menu.md", "only files in the folder"),
        ("env.md", "out of the folder"),
        ("none.md", "no such file"),
    ):
        with pytest.raises(ToolError, match=message):
            call(toolset, ctx, "update_task", id=made["id"], path=path)
    assert call(toolset, ctx, "get_task", id=made["id"])["description"] == "# Soup"


def test_each_caller_has_tasks_of_their_own(toolset: TasksToolset, ctx: RunContext) -> None:
    ann, bob = (replace(ctx, principal=Principal(name)) for name in ("key:ann", "key:bob"))
    id_ = create(toolset, ann, "Ann's task")
    assert titles(toolset, bob) == []
    for name, arguments in (
        ("get_task", {"id": id_}),
        ("update_task", {"id": id_, "status": "done"}),
        ("delete_task", {"id": id_}),
        ("create_task", {"title": "x", "dependencies": [id_]}),
    ):
        with pytest.raises(ToolError, match="task not found"):
            call(toolset, bob, name, **arguments)
    assert titles(toolset, ann) == ["Ann's task"]


def test_there_is_room_for_so_many_tasks(
    toolset: TasksToolset, ctx: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_list, "MAX_TASKS", 1)
    create(toolset, ctx, "one")
    with pytest.raises(ToolError, match="delete some"):
        create(toolset, ctx, "two")


def test_all_tools_need_the_word_memory_and_some_only_read(toolset: TasksToolset, ctx: RunContext) -> None:
    tools = toolset.tools(ctx)
    assert {tool.needs for tool in tools} == {"memory"}
    assert [tool.name for tool in tools if tool.read_only] == ["get_task", "list_tasks", "next_task"]


@pytest.mark.parametrize(("path", "file"), [("", "data/tasks/team/tasks.db"), (", path: a/chores.json", "a/chores.db")])
def test_a_team_says_where_its_tasks_are(tmp_path: Path, ctx: RunContext, path: str, file: str) -> None:
    (tmp_path / "team.yaml").write_text(f"agents: {{root: {{model: demo/demo, toolsets: [{{type: tasks{path}}}]}}}}")
    agent = load_docker_agent(tmp_path / "team.yaml", Settings(), {}).agents["root"]
    assert isinstance(agent, ModelAgent)
    assert agent.warnings == ()
    create(agent.toolsets[0], ctx, "shop")
    assert (tmp_path / file).exists()
