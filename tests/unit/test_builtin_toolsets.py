"""The toolsets ``think`` and ``todo``, and the narrowing of any toolset."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.base import Toolset
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.tools.function import tool
from flask_agent_api.tools.narrowed import NarrowedToolset
from flask_agent_api.tools.think import ThinkToolset
from flask_agent_api.tools.todo import TodoToolset


@pytest.fixture
def ctx() -> RunContext:
    return RunContext(Settings())


def call(toolset: Toolset, name: str, ctx: RunContext, **arguments: Any) -> str:
    tool = next(tool for tool in toolset.tools(ctx) if tool.name == name)
    result = tool.call(arguments, ctx)
    assert isinstance(result, str)
    return result


def todos(toolset: Toolset, ctx: RunContext) -> list[tuple[str, str, str]]:
    report = json.loads(call(toolset, "list_todos", ctx))
    return [(todo["id"], todo["description"], todo["status"]) for todo in report["todos"]]


def test_think_returns_the_whole_log(ctx: RunContext) -> None:
    toolset = ThinkToolset()
    call(toolset, "think", ctx, thought="first")
    answer = call(toolset, "think", ctx, thought=" second ")
    assert answer.splitlines()[1:] == ["first", "second"]


def test_thoughts_belong_to_one_run_and_one_toolset(ctx: RunContext) -> None:
    call(ThinkToolset("a"), "think", ctx, thought="first")
    assert "first" not in call(ThinkToolset("b"), "think", ctx, thought="second")
    assert "first" not in call(ThinkToolset("a"), "think", RunContext(Settings()), thought="third")
    assert "first" in call(ThinkToolset("a"), "think", ctx, thought="fourth")


@pytest.mark.parametrize("arguments", [{}, {"thought": ""}, {"thought": 3}])
def test_think_without_a_thought_is_a_tool_error(ctx: RunContext, arguments: dict[str, Any]) -> None:
    with pytest.raises(ToolError, match="thought"):
        call(ThinkToolset(), "think", ctx, **arguments)


def test_todo_tools_keep_a_list(ctx: RunContext) -> None:
    toolset = TodoToolset()
    call(toolset, "create_todo", ctx, description="shop")
    call(toolset, "create_todos", ctx, descriptions=["cook", "eat"])
    answer = json.loads(
        call(
            toolset,
            "update_todos",
            ctx,
            updates=[{"id": "todo_1", "status": "completed"}, {"id": "todo_2", "status": "in-progress"}],
        )
    )
    expected = [("todo_1", "shop", "completed"), ("todo_2", "cook", "in-progress"), ("todo_3", "eat", "pending")]
    assert todos(toolset, ctx) == expected
    assert [tuple(todo.values()) for todo in answer["all_todos"]] == expected
    assert answer["reminder"] == "2 of 3 steps are still open: [todo_2] cook (in-progress); [todo_3] eat (pending)"


def test_results_of_todo_tools_have_the_keys_of_docker_agent(ctx: RunContext) -> None:
    toolset = TodoToolset()
    shop = {"id": "todo_1", "description": "shop", "status": "pending"}
    cook = {"id": "todo_2", "description": "cook", "status": "pending"}
    made = json.loads(call(toolset, "create_todo", ctx, description="shop"))
    assert (made["created"], made["all_todos"]) == (shop, [shop])
    made = json.loads(call(toolset, "create_todos", ctx, descriptions=["cook"]))
    assert (made["created"], made["all_todos"]) == ([cook], [shop, cook])
    done = [{"id": each["id"], "status": "completed"} for each in (shop, cook)]
    told = json.loads(call(toolset, "update_todos", ctx, updates=done))
    assert told == {"updated": done, "all_todos": [shop | done[0], cook | done[1]]}
    assert json.loads(call(toolset, "list_todos", ctx)) == {"todos": told["all_todos"]}


def test_updates_of_steps_that_there_are_not_are_named(ctx: RunContext) -> None:
    toolset = TodoToolset()
    call(toolset, "create_todo", ctx, description="shop")
    updates = [{"id": "todo_9", "status": "completed"}, {"id": "todo_1", "status": "completed"}]
    told = json.loads(call(toolset, "update_todos", ctx, updates=updates))
    assert (told["updated"], told["not_found"]) == ([updates[1]], ["todo_9"])
    assert todos(toolset, ctx) == [("todo_1", "shop", "completed")]


@pytest.mark.parametrize(
    "updates",
    [
        '[{"id": "todo_1", "status": "in-progress"}]',
        {"id": "todo_1", "status": "in_progress"},
        [{"id": "todo_1", "status": "In Progress"}],
    ],
)
def test_updates_are_understood_as_models_write_them(ctx: RunContext, updates: Any) -> None:
    toolset = TodoToolset()
    call(toolset, "create_todos", ctx, descriptions='["shop"]')
    call(toolset, "update_todos", ctx, updates=updates)
    assert todos(toolset, ctx) == [("todo_1", "shop", "in-progress")]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("create_todo", {}, "description"),
        ("create_todo", {"description": " "}, "description"),
        ("create_todos", {"descriptions": []}, "descriptions"),
        ("create_todos", {"descriptions": ["a", 2]}, "description"),
        ("update_todos", {"updates": "todo_1"}, "updates"),
        ("update_todos", {"updates": [{"id": "todo_9", "status": "completed"}]}, "the ids are todo_1"),
        ("update_todos", {"updates": [{"id": ["x"], "status": "completed"}]}, "there is no step"),
        ("update_todos", {"updates": []}, "not empty"),
        ("update_todos", {"updates": [{"id": "todo_1", "status": "gone"}]}, "pending, in-progress, completed"),
        (
            "update_todos",
            {"updates": [{"id": "todo_1", "status": "completed"}, {"id": "todo_1", "status": "gone"}]},
            "'gone' is none of",
        ),
    ],
)
def test_wrong_todo_arguments_change_nothing(
    ctx: RunContext, name: str, arguments: dict[str, Any], message: str
) -> None:
    toolset = TodoToolset()
    call(toolset, "create_todo", ctx, description="shop")
    with pytest.raises(ToolError, match=message):
        call(toolset, name, ctx, **arguments)
    assert todos(toolset, ctx) == [("todo_1", "shop", "pending")]


def test_todo_lists_are_shared_by_name_within_one_run(ctx: RunContext) -> None:
    call(TodoToolset("shared"), "create_todo", ctx, description="shop")
    child = ctx.child("root", ctx.emit)
    assert len(todos(TodoToolset("shared"), child)) == 1
    assert todos(TodoToolset("own"), child) == []
    assert todos(TodoToolset("shared"), RunContext(Settings())) == []


def test_only_tools_without_effect_are_read_only(ctx: RunContext) -> None:
    tools = [*ThinkToolset().tools(ctx), *TodoToolset().tools(ctx)]
    assert {tool.name: tool.read_only for tool in tools} == {
        "think": True,
        "create_todo": False,
        "create_todos": False,
        "update_todos": False,
        "list_todos": True,
    }


def test_schemas_name_the_required_arguments(ctx: RunContext) -> None:
    tools = [*ThinkToolset().tools(ctx), *TodoToolset().tools(ctx)]
    assert {tool.name: tool.parameters["required"] for tool in tools} == {
        "think": ["thought"],
        "create_todo": ["description"],
        "create_todos": ["descriptions"],
        "update_todos": ["updates"],
        "list_todos": [],
    }


def test_narrowing_keeps_allowed_tools(ctx: RunContext) -> None:
    narrowed = NarrowedToolset(TodoToolset("mine"), ["create_todo", "list_todos"])
    assert [tool.name for tool in narrowed.tools(ctx)] == ["create_todo", "list_todos"]
    assert (narrowed.kind, narrowed.name) == ("todo", "mine")


def test_narrowing_to_reading_leaves_out_what_changes_more_than_the_run(ctx: RunContext) -> None:
    @tool(read_only=True)
    def look() -> str:
        """Looks."""
        return "seen"

    @tool
    def touch() -> str:
        """Touches."""
        return "touched"

    narrowed = NarrowedToolset(FunctionToolset("mine", [look, touch]), read_only=True)
    assert [each.name for each in narrowed.tools(ctx)] == ["look"]
    own = NarrowedToolset(TodoToolset(), ["create_todo", "list_todos"], read_only=True)
    assert [each.name for each in own.tools(ctx)] == ["create_todo", "list_todos"]


def test_narrowing_replaces_or_extends_the_instructions(ctx: RunContext) -> None:
    own = TodoToolset().instructions(ctx)
    assert own
    assert NarrowedToolset(TodoToolset()).instructions(ctx) == own
    assert NarrowedToolset(TodoToolset(), instruction="Be brief.").instructions(ctx) == "Be brief."
    both = NarrowedToolset(TodoToolset(), instruction="{ORIGINAL_INSTRUCTIONS}\nBe brief.").instructions(ctx)
    assert both == f"{own}\nBe brief."
