"""The options that every toolset of a docker-agent file may carry, in runs with real tools."""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent import toolset_options as docker_agent_toolset_options
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.base import Tool
from flask_agent_api.tools.routed import RoutedToolset
from flask_agent_api.types import RunRequest

TOOLS = '''
def lookup(name: str) -> dict:
    """Looks a person up."""
    return {"people": [{"id": 1, "name": name}, {"id": 2, "name": "Bo, Jr."}]}

def numbers() -> list:
    """Lists numbers."""
    return [{"n": 1}, {"n": 2}]

def greet(name: str) -> str:
    """Greets somebody."""
    return "hello " + name

def report(description: str) -> str:
    """Reports something."""
    return "reported " + description

def broken() -> str:
    """Gives text that looks like JSON."""
    return "{not json"
'''


@pytest.fixture(autouse=True)
def tools_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "option_tools.py").write_text(TOOLS)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("option_tools", None)


def python(*names: str, **options: Any) -> dict[str, Any]:
    """A toolset of functions of the module above."""
    return {"type": "python", "tools": [f"option_tools:{name}" for name in names], **options}


def load(folder: Path, toolsets: list[dict[str, Any]], **fields: Any) -> ModelAgent:
    """The agent of a team file (JSON is YAML) with these toolsets."""
    models = {"f": {"provider": "cheap", "model": "faster"}}
    agents = {"root": {"model": "demo/demo", "toolsets": toolsets, **fields}}
    providers = {"cheap": {"base_url": "http://127.0.0.1:9"}}
    (folder / "team.yaml").write_text(json.dumps({"agents": agents, "models": models, "providers": providers}))
    agent = load_docker_agent(folder / "team.yaml", Settings(), {}).agents["root"]
    assert isinstance(agent, ModelAgent)
    return agent


def run(agent: ModelAgent, *replies: Any) -> ScriptedModel:
    """Runs the agent with a scripted model in place of its own."""
    model = ScriptedModel(*replies)
    scripted = dataclasses.replace(agent, model=model)
    ctx = RunContext(Settings(), deadline=1e9)
    for _ in scripted.run(RunRequest([{"role": "user", "content": "go"}]), ctx):
        pass
    return model


def tools_of(agent: ModelAgent) -> dict[str, Tool]:
    ctx = RunContext(Settings())
    return {tool.name: tool for toolset in agent.toolsets for tool in toolset.tools(ctx)}


def results(model: ScriptedModel) -> list[str]:
    """What the model got back from its tools, up to its last call."""
    return [message["content"] for message in model.requests[-1].messages if message["role"] == "tool"]


def test_calls_may_say_what_they_are_for(tmp_path: Path) -> None:
    agent = load(tmp_path, [python("greet", "report"), {"type": "todo"}], add_description_parameter=True)
    tools = tools_of(agent)
    for name in ("greet", "create_todos", "list_todos"):
        assert tools[name].parameters["properties"]["description"]["type"] == "string"
        assert "description" not in tools[name].parameters.get("required", [])
    calls = [tool_call("greet", name="Ada", description="to be polite"), tool_call("report", description="rain")]
    assert results(run(agent, calls, "done")) == ["hello Ada", "reported rain"]


def test_a_tools_own_description_stays_as_it_is(tmp_path: Path) -> None:
    plain = tools_of(load(tmp_path, [python("report")]))["report"]
    described = tools_of(load(tmp_path, [python("report")], add_description_parameter=True))["report"]
    assert described.parameters == plain.parameters


def test_json_results_of_matching_tools_become_toon(tmp_path: Path) -> None:
    pytest.importorskip("toon_format")
    agent = load(tmp_path, [python("lookup", "numbers", "greet", "broken", toon="^look, numb,bro,gre")])
    calls = [tool_call("lookup", name="Ada"), *(tool_call(name) for name in ("numbers", "broken"))]
    people, numbers, broken, hello = results(run(agent, [*calls, tool_call("greet", name="Bo")], "done"))
    assert people == 'people[2]{id,name}:\n  1,Ada\n  2,"Bo, Jr."'
    assert numbers == "[2]{n}:\n  1\n  2"
    assert broken == "{not json"
    assert hello == "hello Bo"


def test_results_of_other_tools_stay_json(tmp_path: Path) -> None:
    agent = load(tmp_path, [python("lookup", toon="numb,list_.*,")])
    (people,) = results(run(agent, [tool_call("lookup", name="Ada")], "done"))
    assert json.loads(people)["people"][0] == {"id": 1, "name": "Ada"}


def test_without_toon_format_results_stay_json_and_the_author_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_agent_toolset_options, "has_toon", lambda: False)
    agent = load(tmp_path, [python("lookup", toon=".*")])
    (warning,) = agent.warnings
    assert "toolsets[0].toon" in warning
    assert "pip install 'flask-agent-api[toon]'" in warning
    (people,) = results(run(agent, [tool_call("lookup", name="Ada")], "done"))
    assert people.startswith("{")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"toon": "list_("}, 'toolsets[0].toon: "list_(" is no regular expression'),
        ({"toon": "a{99999999999999999999}"}, "is no regular expression"),
        ({"toon": [3]}, "toolsets[0].toon: expected text, found a list"),
        ({"defer": "yes"}, "toolsets[0].defer: expected true, false or a list of texts, found text"),
        ({"model": "nothing"}, 'toolsets[0].model: there is no model "nothing"'),
        ({"lifecycle": {}}, 'toolsets[0].lifecycle: not a field of "python" toolsets, only of lsp, mcp'),
    ],
)
def test_wrong_options_are_errors_with_their_place(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, [python("greet", **options)])
    assert message in caught.value.message


def test_the_results_of_a_toolset_are_read_by_its_model_once(tmp_path: Path) -> None:
    fast, faster = ScriptedModel([tool_call("greet", name="Bo")], name="fast"), ScriptedModel(name="faster")
    agent = load(tmp_path, [python("lookup", model="cheap/fast"), python("numbers", model="f"), python("greet")])
    first, second = (toolset for toolset in agent.toolsets if isinstance(toolset, RoutedToolset))
    assert (first.model.name, second.model.name) == ("cheap/fast", "cheap/faster")
    first.model, second.model = fast, faster
    calls = [tool_call("greet", name="Ada"), tool_call("lookup", name="Ada"), tool_call("numbers")]
    own = run(agent, calls, "done")
    assert (len(own.requests), len(fast.requests), len(faster.requests)) == (2, 1, 0)
    assert len([message for message in fast.requests[0].messages if message["role"] == "tool"]) == 3
    assert fast.requests[0].tools == own.requests[0].tools
    assert results(own)[-1] == "hello Bo"


def test_results_are_read_by_the_agents_own_model_if_the_other_cannot_be_called(tmp_path: Path) -> None:
    agent = load(tmp_path, [python("greet", model="azure/nowhere"), python("lookup", model="demo/demo")])
    routed, plain = agent.toolsets
    assert isinstance(routed, RoutedToolset)
    assert not isinstance(plain, RoutedToolset)
    request = ModelRequest([{"role": "user", "content": "hello"}])
    answer = "".join(event for batch in routed.model.stream(request) for event in batch if isinstance(event, str))
    assert "demo model" in answer


def test_names_that_no_tool_has_are_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    agent = load(tmp_path, [{"type": "todo", "tools": ["list_todos", "drop_todos"]}])
    with caplog.at_level(logging.WARNING):
        assert list(tools_of(agent)) == ["list_todos"]
        tools_of(agent)
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("toolset root/todo has no tool drop_todos, only create_todo, ")


def test_of_two_tools_with_one_name_the_first_is_taken_and_the_other_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agent = load(tmp_path, [python("greet"), {**python("greet", "numbers"), "instruction": "Second."}])
    with caplog.at_level(logging.WARNING):
        model = run(agent, "done")
        run(agent, "done")
    assert [tool["function"]["name"] for tool in model.requests[0].tools] == ["greet", "numbers"]
    (message,) = [record.getMessage() for record in caplog.records]
    assert "agent root: the tool greet of toolset option_tools:greet, option_tools:numbers is left out" in message


def test_a_prefix_may_stand_in_a_list_of_tools_or_not(tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    server = str(Path(__file__).parent.parent / "data" / "mcp_fake_server.py")
    base = {"type": "mcp", "command": sys.executable, "args": [server], "name": "fake"}
    narrow = {**base, "tools": ["echo", "fake_pid", "null.check"]}
    agent = load(tmp_path, [{**narrow, "readonly": True}, {**narrow, "instruction": "{ORIGINAL_INSTRUCTIONS} Or not."}])
    first, second = ([tool.name for tool in each.tools(RunContext(Settings()))] for each in agent.toolsets)
    assert first == ["fake_echo"]
    assert second == ["fake_echo", "fake_null_check", "fake_pid"]
    assert agent.toolsets[1].instructions(RunContext(Settings())) == "Be kind to the fake server. Or not."
    model = run(agent, [tool_call("fake_echo", text="over"), tool_call("fake_null_check", text="x")], "done")
    assert results(model) == ["over", '{"text": "x"}']
    innermost(agent).close()


def test_json_of_a_server_becomes_toon_and_its_errors_stay(tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    pytest.importorskip("toon_format")
    server = str(Path(__file__).parent.parent / "data" / "mcp_fake_server.py")
    agent = load(tmp_path, [{"type": "mcp", "command": sys.executable, "args": [server], "toon": ".*"}])
    calls = [tool_call("null_check", text="x"), tool_call("structured"), tool_call("echo", text="[1")]
    calls.append(tool_call("iserror"))
    assert results(run(agent, calls, "done")) == ["text: x", "answer: 42", "[1", "Error: it went wrong"]
    innermost(agent).close()


def innermost(agent: ModelAgent) -> Any:
    toolset: Any = agent.toolsets[0]
    while hasattr(toolset, "toolset"):
        toolset = toolset.toolset
    return toolset
