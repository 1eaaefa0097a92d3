"""Tools that a model has to ask for."""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.mcp_sharing import share_servers
from flask_agent_api.runtime.registry import AgentRegistry
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.base import Tool
from flask_agent_api.tools.deferred import Deferred
from flask_agent_api.tools.deferred import DeferredToolset
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.tools.todo import TodoToolset
from flask_agent_api.tools.tool_search import best_tools
from flask_agent_api.types import RunRequest

FAKE = str(Path(__file__).parent.parent / "data" / "mcp_fake_server.py")


def load(
    folder: Path, toolsets: list[dict[str, Any]], permissions: dict[str, Any] | None = None, **fields: Any
) -> ModelAgent:
    agents = {"root": {"model": "demo/demo", "toolsets": toolsets, **fields}}
    (folder / "team.yaml").write_text(json.dumps({"agents": agents, "permissions": permissions}))
    agent = load_docker_agent(folder / "team.yaml", Settings(), {}).agents["root"]
    assert isinstance(agent, ModelAgent)
    return agent


def run(agent: ModelAgent, *replies: Any) -> ScriptedModel:
    model = ScriptedModel(*replies)
    ctx = RunContext(Settings(), deadline=1e9)
    for _ in dataclasses.replace(agent, model=model).run(RunRequest([{"role": "user", "content": "go"}]), ctx):
        pass
    return model


def offered(model: ScriptedModel, call: int) -> list[str]:
    return [tool["function"]["name"] for tool in model.requests[call].tools]


def system(model: ScriptedModel, call: int) -> str:
    messages = [message["content"] for message in model.requests[call].messages if message["role"] == "system"]
    return "\n".join(messages)


def last_result(model: ScriptedModel, call: int) -> str:
    return str(model.requests[call].messages[-1]["content"])


def test_a_tool_is_searched_added_and_called_from_the_next_model_call_on(tmp_path: Path) -> None:
    agent = load(tmp_path, [{"type": "think"}, {"type": "todo", "defer": True}])
    model = run(
        agent,
        [tool_call("search_tool", query="todo")],
        [tool_call("add_tool", name="create_todo")],
        [tool_call("create_todo", description="shop")],
        [tool_call("search_tool", query="create_todo")],
        "done",
    )
    assert offered(model, 0) == ["think", "search_tool", "add_tool"]
    first, listed = last_result(model, 1).split("\n", 1)
    assert first == "Found 4 deferred tool(s):"
    assert {entry["name"] for entry in json.loads(listed)} == {
        "create_todo",
        "create_todos",
        "update_todos",
        "list_todos",
    }
    assert all(set(entry) == {"name", "description"} for entry in json.loads(listed))
    assert offered(model, 1) == offered(model, 0)
    assert "Put one step on the to-do list." in last_result(model, 2)
    assert offered(model, 2) == ["think", "search_tool", "add_tool", "create_todo"]
    assert '"shop"' in last_result(model, 3)
    assert next(entry["name"] for entry in json.loads(last_result(model, 4).split("\n", 1)[1])) == "create_todos"


def test_instructions_of_a_deferred_toolset_vanish(tmp_path: Path) -> None:
    own = TodoToolset().instructions(RunContext(Settings()))
    whole = run(load(tmp_path, [{"type": "todo", "defer": True}]), "done")
    assert own not in system(whole, 0)
    assert "search_tool" in system(whole, 0)
    part = run(load(tmp_path, [{"type": "todo", "defer": ["list_todos"]}]), "done")
    assert own in system(part, 0)
    assert offered(part, 0) == ["create_todo", "create_todos", "update_todos", "search_tool", "add_tool"]
    assert "search_tool" not in system(run(load(tmp_path, [{"type": "todo", "defer": []}]), "done"), 0)


def test_what_was_added_belongs_to_one_run(tmp_path: Path) -> None:
    agent = load(tmp_path, [{"type": "todo", "defer": True}])
    assert "list_todos" in offered(run(agent, [tool_call("add_tool", name="list_todos")], "done"), 1)
    assert "list_todos" not in offered(run(agent, "done"), 0)


def test_options_of_the_toolset_hold_for_its_deferred_tools(tmp_path: Path) -> None:
    entry = {"type": "todo", "defer": True, "tools": ["list_todos"]}
    agent = load(tmp_path, [entry], add_description_parameter=True)
    model = run(
        agent,
        [tool_call("search_tool", query="", description="to see")],
        [tool_call("add_tool", name="list_todos")],
        [tool_call("list_todos", description="to look")],
        "done",
    )
    assert [entry["name"] for entry in json.loads(last_result(model, 1).split("\n", 1)[1])] == ["list_todos"]
    parameters = model.requests[2].tools[-1]["function"]["parameters"]
    assert (model.requests[2].tools[-1]["function"]["name"], list(parameters["properties"])) == (
        "list_todos",
        ["description"],
    )
    assert last_result(model, 3) == '{"todos": []}'


def test_rules_and_safety_hold_for_a_tool_as_if_it_had_been_there_from_the_start(tmp_path: Path) -> None:
    calls = ([tool_call("add_tool", name="create_todo")], [tool_call("create_todo", description="shop")], "done")
    assert '"shop"' in last_result(
        run(load(tmp_path, [{"type": "todo", "defer": True}], safety="restricted"), *calls), 2
    )
    rules = {"deny": ["todo:root/todo:create_*"]}
    for options in ({}, {"add_description_parameter": True}):
        agent = load(tmp_path, [{"type": "todo", "defer": True}], rules, **options)
        assert last_result(run(agent, *calls), 2) == "Error: The tool create_todo is not allowed here."


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (tool_call("search_tool", query="weather"), "Error: no further tool matches 'weather'"),
        (
            tool_call("add_tool", name="list_todo"),
            "Error: there is no further tool 'list_todo'; did you mean list_todos?",
        ),
        (tool_call("add_tool", name="x"), "Error: there is no further tool 'x'. Look for one with search_tool."),
        (tool_call("list_todos"), "Error: there is no tool 'list_todos'"),
    ],
)
def test_what_cannot_be_had_is_an_error_that_leads_on(tmp_path: Path, call: Any, message: str) -> None:
    model = run(load(tmp_path, [{"type": "todo", "defer": True}]), [call], "done")
    assert last_result(model, 1).startswith(message)


def test_a_server_is_started_when_its_tools_are_searched(tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    notes = tmp_path / "notes"
    server = {"type": "mcp", "name": "fake", "command": sys.executable, "args": [FAKE, f"notes={notes}"]}
    agent = load(tmp_path, [{**server, "defer": True}])
    run(agent, "done")
    assert not notes.exists()
    model = run(
        agent,
        [tool_call("search_tool", query="echo")],
        [tool_call("add_tool", name="fake_echo")],
        [tool_call("fake_echo", text="over")],
        "done",
    )
    assert "start" in notes.read_text()
    assert json.loads(last_result(model, 1).split("\n", 1)[1])[0] == {
        "name": "fake_echo",
        "description": "The echo tool",
    }
    assert last_result(model, 3) == "over"
    toolset: Any = agent.toolsets[0]
    toolset.sources[0].toolset.toolset.close()


def test_a_reloaded_file_goes_on_with_the_server_of_deferred_tools(tmp_path: Path) -> None:
    server = {"type": "mcp", "name": "fake", "command": sys.executable, "args": [FAKE]}
    before, after = AgentRegistry(), AgentRegistry()
    before.add(load(tmp_path, [{**server, "defer": True}, {"type": "mcp", "command": "other"}]), "root")
    after.add(load(tmp_path, [{**server, "defer": ["echo"]}], add_description_parameter=True), "root")
    (left,) = share_servers(before, after)
    assert left.config.command == "other"


def test_deferred_names_that_no_tool_has_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run(load(tmp_path, [{"type": "todo", "defer": ["list_todos", "lend_todos"]}]), "done")
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("toolset root/todo has no tool lend_todos, only create_todo")


@pytest.mark.parametrize("name", ["fake", "my fake"])
def test_names_may_have_the_prefix_or_not(tmp_path: Path, name: str) -> None:
    pytest.importorskip("mcp")
    prefix = name.replace(" ", "_")
    server = {"type": "mcp", "name": name, "command": sys.executable, "args": [FAKE]}
    agent = load(tmp_path, [{**server, "tools": ["echo", "pid", "big", "ask"], "defer": [f"{prefix}_pid", "big"]}])
    visible: Any = agent.toolsets[0]
    assert [tool.name for tool in visible.tools(RunContext(Settings()))] == [f"{prefix}_echo", f"{prefix}_ask"]
    visible.toolset.toolset.toolset.close()


def test_a_toolset_that_cannot_be_had_is_named_when_nothing_else_was_found() -> None:
    class Gone:
        kind, name = "test", "gone"

        def tools(self, ctx: RunContext) -> list[Tool]:
            raise ToolError("gone is not running")

        def instructions(self, ctx: RunContext) -> str:
            return ""

    ctx = RunContext(Settings())
    search = DeferredToolset("d", [Deferred(Gone())]).tools(ctx)[0]
    with pytest.raises(ToolError, match="gone is not running"):
        search.call({"query": ""}, ctx)
    search = DeferredToolset("d", [Deferred(Gone()), Deferred(TodoToolset())]).tools(ctx)[0]
    assert "list_todos" in str(search.call({"query": ""}, ctx))


def named(*names: str) -> list[Tool]:
    return [
        FunctionTool(lambda: None, name=name.partition(":")[0], description=name.partition(":")[2]) for name in names
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("read", ["readMail", "read_file", "spread", "get_page"]),
        ("read_file", ["read_file", "readMail", "write_file", "spread", "get_page"]),
        ("FILE", ["read_file", "write_file"]),
        ("write a file", ["write_file", "read_file"]),
        ("get a page", ["get_page"]),
        ("wrtfl", ["write_file"]),
        ("zebra", []),
        ("", ["get_page", "readMail", "read_file", "spread", "write_file"]),
    ],
)
def test_tools_are_ranked_by_name_then_by_description(query: str, found: list[str]) -> None:
    tools = named("get_page: Reads the web", "readMail", "read_file: Returns text", "spread", "write_file: Saves text")
    assert [tool.name for tool in best_tools(query, tools)] == found


def test_only_the_best_are_listed() -> None:
    ctx = RunContext(Settings())
    many = FunctionToolset("many", named(*(f"tool_{number}" for number in range(40))))
    first, listed = str(DeferredToolset("d", [Deferred(many)]).tools(ctx)[0].call({"query": "tool"}, ctx)).split("\n")
    assert first == "Found the best 30 of 40 deferred tool(s):"
    assert len(json.loads(listed)) == 30
