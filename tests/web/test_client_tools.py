"""What a request says about the client's tools, and how their calls look in an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openai.types.chat import ChatCompletion
from werkzeug.test import TestResponse

from flask_agent_api import AgentAPI
from flask_agent_api import ClientToolCalls
from flask_agent_api import ModelAgent
from flask_agent_api import RunContext
from flask_agent_api import RunRequest
from flask_agent_api import ToolCall
from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Event
from flask_agent_api.types import Usage
from tests.support import chunks
from tests.support import QUESTION

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CUSTOM = {"type": "custom", "custom": {"name": "patch"}}


def function(name: str = "weather", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": SCHEMA, **fields}}


def named(name: str = "weather") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def allowed(mode: str, *names: str) -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [named(name) for name in names]}}


def make_client(**config: Any) -> FlaskClient:
    app = Flask("host")
    app.config.update({f"AGENT_API_{name.upper()}": value for name, value in config.items()})
    api = AgentAPI(app, agents=[])

    @api.agent("shows")
    def shows(request: RunRequest, ctx: RunContext) -> str:
        """Answers with what it got."""
        return json.dumps([request.tools, request.tool_choice, dict(request.params)])

    @api.agent("calls")
    def calls(request: RunRequest, ctx: RunContext) -> Iterator[str | Event]:
        """Calls every tool of the client with the same arguments."""
        yield request.text
        yield Usage(3, 4)
        names = [tool["function"]["name"] for tool in request.tools]
        yield ClientToolCalls([ToolCall(f"id-{name}", name, '{"city": "Köln"}') for name in names])

    return app.test_client()


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return make_client()


def ask(client: FlaskClient, text: str = "hi", **fields: Any) -> TestResponse:
    body = {"model": "shows", "messages": [{"role": "user", "content": text}], **fields}
    return client.post("/v1/chat/completions", json=body)


def shown(response: TestResponse) -> tuple[list[str], Any, dict[str, Any]]:
    """The names of the tools that the agent got, what is forced, and its parameters."""
    assert response.status_code == 200, response.text
    tools, choice, params = json.loads(response.get_json()["choices"][0]["message"]["content"])
    return [tool["function"]["name"] for tool in tools], choice, params


TWO = [function(), function("paint")]


@pytest.mark.parametrize(
    ("fields", "names", "choice"),
    [
        ({}, [], "auto"),
        ({"tools": []}, [], "auto"),
        ({"tools": [], "tool_choice": "auto"}, [], "auto"),
        ({"tool_choice": "auto"}, [], "auto"),
        ({"tool_choice": "none"}, [], "auto"),
        ({"tools": TWO}, ["weather", "paint"], "auto"),
        ({"tools": TWO, "tool_choice": "auto"}, ["weather", "paint"], "auto"),
        ({"tools": TWO, "tool_choice": "none"}, [], "auto"),
        ({"tools": TWO, "tool_choice": "required"}, ["weather", "paint"], "required"),
        ({"tools": TWO, "tool_choice": named("paint")}, ["weather", "paint"], named("paint")),
        ({"tools": TWO, "tool_choice": allowed("auto", "paint")}, ["paint"], "auto"),
        ({"tools": TWO, "tool_choice": allowed("required", "paint")}, ["paint"], "required"),
        ({"tools": [*TWO, CUSTOM]}, ["weather", "paint"], "auto"),
        ({"tools": [{"function": {"name": "n"}}]}, ["n"], "auto"),
        ({"functions": [{"name": "f"}]}, ["f"], "auto"),
        ({"functions": [{"name": "f"}], "function_call": "none"}, [], "auto"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "f"}}, ["f"], named("f")),
        ({"functions": [{"name": "f"}], "function_call": "none", "tools": TWO}, ["weather", "paint"], "auto"),
    ],
)
def test_what_the_agent_gets(client: FlaskClient, fields: dict[str, Any], names: list[str], choice: Any) -> None:
    assert shown(ask(client, **fields))[:2] == (names, choice)


def test_a_tool_goes_on_without_what_no_provider_knows(client: FlaskClient) -> None:
    messy = function(description="d", strict=True, cache_control={"x": 1}) | {"extra": 1}
    response = ask(client, tools=[messy, function("bare", parameters=None, description=None, strict=None)])
    tools, *_ = json.loads(response.get_json()["choices"][0]["message"]["content"])
    assert tools == [
        {
            "type": "function",
            "function": {"name": "weather", "description": "d", "strict": True, "parameters": SCHEMA},
        },
        {"type": "function", "function": {"name": "bare", "parameters": {"type": "object", "properties": {}}}},
    ]


def test_parallel_tool_calls_is_passed_on_and_legacy_clients_take_one_call(client: FlaskClient) -> None:
    assert shown(ask(client, tools=TWO, parallel_tool_calls=False))[2] == {"parallel_tool_calls": False}
    assert shown(ask(client, functions=[{"name": "f"}]))[2] == {"parallel_tool_calls": False}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [function(name="")]}, "tools[0].function.name"),
        ({"tools": [function(), {"type": "function", "function": {}}]}, "tools[1].function.name"),
        ({"tools": [function(name="get weather")]}, "tools[0].function.name"),
        ({"tools": [function(name="weather\n")]}, "tools[0].function.name"),
        ({"tools": [function(name="x" * 65)]}, "tools[0].function.name"),
        ({"tools": [function(name=5)]}, "tools[0].function.name"),
        ({"tools": [function(), function()]}, "tools[1].function.name"),
        ({"tools": [function(parameters=[])]}, "tools[0].function.parameters"),
        ({"tools": [function(parameters="x")]}, "tools[0].function.parameters"),
        ({"tools": [function(description=1)]}, "tools[0].function.description"),
        ({"tools": [function(strict="yes")]}, "tools[0].function.strict"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "mcp"}]}, "tools[0].type"),
        ({"tools": [function(f"t{n}") for n in range(129)]}, "tools"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [], "tool_choice": "required"}, "tool_choice"),
        ({"tools": [CUSTOM], "tool_choice": "required"}, "tool_choice"),
        ({"tools": [CUSTOM], "tool_choice": {"type": "custom", "custom": {"name": "patch"}}}, "tool_choice"),
        ({"tools": TWO, "tool_choice": named("nope")}, "tool_choice"),
        ({"tools": TWO, "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tools": TWO, "tool_choice": {"type": "function", "function": {"name": ["weather"]}}}, "tool_choice"),
        ({"tools": TWO, "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": TWO, "tool_choice": allowed("auto", "nope")}, "tool_choice"),
        ({"tools": TWO, "tool_choice": allowed("never", "weather")}, "tool_choice"),
        ({"tools": TWO, "tool_choice": allowed("required")}, "tool_choice"),
        ({"tools": TWO, "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"functions": [{"name": ""}]}, "functions[0].name"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call"),
        ({"functions": [{"name": "f"}], "function_call": "required"}, "function_call"),
        ({"function_call": {"name": "g"}}, "function_call"),
    ],
)
def test_what_cannot_be_meant_is_refused(client: FlaskClient, fields: dict[str, Any], param: str) -> None:
    response = ask(client, **fields)
    assert (response.status_code, response.get_json()["error"]["param"]) == (400, param)
    assert response.get_json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("fields", "ignored"),
    [
        ({"tools": [*TWO, CUSTOM]}, "tools.patch"),
        ({"tools": TWO, "functions": [{"name": "f"}]}, "functions"),
        ({"tools": TWO}, None),
        ({"tools": TWO, "tool_choice": "none"}, None),
    ],
)
def test_what_is_dropped_is_named(client: FlaskClient, fields: dict[str, Any], ignored: str | None) -> None:
    assert ask(client, **fields).headers.get("X-Agent-Ignored") == ignored


@pytest.mark.parametrize(
    ("mode", "fields", "names", "ignored"),
    [
        ("forced", {}, [], None),
        ("forced", {"tools": TWO}, [], "tools"),
        ("forced", {"tools": TWO, "tool_choice": "none"}, [], None),
        ("forced", {"tools": TWO, "tool_choice": "required"}, ["weather", "paint"], None),
        ("forced", {"tools": TWO, "tool_choice": named()}, ["weather", "paint"], None),
        ("forced", {"tools": TWO, "tool_choice": allowed("auto", "paint")}, [], "tools"),
        ("forced", {"tools": TWO, "tool_choice": allowed("required", "paint")}, ["paint"], None),
        ("never", {"tools": TWO}, [], "tools"),
        ("never", {"functions": [{"name": "f"}]}, [], "functions"),
    ],
)
def test_the_setting(mode: str, fields: dict[str, Any], names: list[str], ignored: str | None) -> None:
    response = ask(make_client(client_tools=mode), **fields)
    assert shown(response)[0] == names
    assert response.headers.get("X-Agent-Ignored") == ignored


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": TWO, "tool_choice": "required"}, "tool_choice"),
        ({"tools": TWO, "tool_choice": named()}, "tool_choice"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "f"}}, "function_call"),
    ],
)
def test_where_none_are_taken_none_can_be_forced(fields: dict[str, Any], param: str) -> None:
    error = ask(make_client(client_tools="never"), **fields).get_json()["error"]
    assert (error["param"], error["code"]) == (param, "client_tools_disabled")


def test_the_setting_can_differ_by_agent() -> None:
    client = make_client(client_tools="never", agent_options={"shows": {"client_tools": "always"}})
    assert shown(ask(client, tools=TWO))[0] == ["weather", "paint"]
    assert ask(client, model="calls", tools=TWO).get_json()["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(("text", "content"), [("", None), ("Let me see.", "Let me see.")])
def test_calls_in_a_whole_answer(client: FlaskClient, text: str, content: str | None) -> None:
    response = ask(client, text, model="calls", tools=TWO)
    (choice,) = ChatCompletion.model_validate_json(response.data, strict=True).choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", content)
    calls = [call.model_dump() for call in choice.message.tool_calls or ()]
    assert calls == [
        {"id": f"id-{name}", "type": "function", "function": {"name": name, "arguments": '{"city": "Köln"}'}}
        for name in ("weather", "paint")
    ]
    assert response.get_json()["usage"]["total_tokens"] == 7


def test_calls_in_a_stream(client: FlaskClient) -> None:
    response = ask(client, "Let me see.", model="calls", tools=TWO, stream=True)
    deltas = [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in chunks(response.data)]
    expected: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, {"content": "Let me see."}]
    for index, name in enumerate(("weather", "paint")):
        begun = {"index": index, "id": f"id-{name}", "type": "function", "function": {"name": name, "arguments": ""}}
        expected.append({"tool_calls": [begun]})
        expected.append({"tool_calls": [{"index": index, "function": {"arguments": '{"city": "Köln"}'}}]})
    assert deltas == [*expected, {}]
    assert [chunk.choices[0].finish_reason for chunk in chunks(response.data)][-1] == "tool_calls"


def test_legacy_clients_get_one_function_call(client: FlaskClient) -> None:
    functions = [{"name": "weather"}, {"name": "paint"}]
    response = ask(client, "", model="calls", functions=functions)
    (choice,) = ChatCompletion.model_validate_json(response.data, strict=True).choices
    assert (choice.finish_reason, choice.message.content, choice.message.tool_calls) == ("function_call", None, None)
    assert choice.message.function_call is not None
    assert choice.message.function_call.model_dump() == {"name": "weather", "arguments": '{"city": "Köln"}'}

    streamed = chunks(ask(client, "", model="calls", functions=functions, stream=True).data)
    deltas = [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in streamed]
    assert deltas[-3:] == [
        {"function_call": {"name": "weather", "arguments": ""}},
        {"function_call": {"arguments": '{"city": "Köln"}'}},
        {},
    ]
    assert streamed[-1].choices[0].finish_reason == "function_call"


def test_legacy_clients_get_answers_and_failures_as_ever(client: FlaskClient) -> None:
    assert shown(ask(client, functions=[{"name": "f"}], function_call="auto"))[0] == ["f"]
    response = ask(client, model="calls", functions=[{"name": "f"}], function_call="none")
    assert response.get_json()["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_in_a_format_may_end_with_calls_instead(client: FlaskClient, stream: bool) -> None:
    fields = {"tools": TWO, "response_format": {"type": "json_object"}, "stream": stream}
    response = ask(client, "Not JSON.", model="calls", **fields)
    if stream:
        got = collect_sse(response.data)
        assert (got.text, got.finish_reason, len(got.tool_calls)) == ("Not JSON.", "tool_calls", 2)
        assert got.chunks[-2]["choices"][0]["delta"].keys() == {"tool_calls"}, "the text comes first"
    else:
        (choice,) = response.get_json()["choices"]
        assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", "Not JSON.")


@pytest.mark.parametrize("stream", [False, True])
def test_calls_are_numbered_on_behind_those_that_a_mode_shows(stream: bool) -> None:
    def own() -> str:
        """The agent's own."""
        return "done"

    app = Flask("host")
    model = ScriptedModel([tool_call("own"), tool_call("weather")])
    AgentAPI(app, agents=ModelAgent("root", model, toolsets=(FunctionToolset("own", [FunctionTool(own)]),)))
    body = {**QUESTION, "tools": TWO, "stream": stream, "tool_activity": "tool_calls"}
    response = app.test_client().post("/v1/chat/completions", json=body)
    if stream:
        got = [(call["index"], call["function"]["name"]) for call in collect_sse(response.data).tool_calls]
        assert got == [(0, "own"), (1, "weather")]
    else:
        calls = response.get_json()["choices"][0]["message"]["tool_calls"]
        assert [call["function"]["name"] for call in calls] == ["own", "weather"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_dropped_name_is_in_the_header_and_a_forced_one_is_an_error(stream: bool) -> None:
    def weather() -> str:
        """The agent's own."""
        return "sunny"

    app = Flask("host")
    model = ScriptedModel([tool_call("weather")], "Sunny.")
    AgentAPI(app, agents=ModelAgent("root", model, toolsets=(FunctionToolset("own", [FunctionTool(weather)]),)))
    body = {**QUESTION, "tools": TWO, "stream": stream}
    response = app.test_client().post("/v1/chat/completions", json=body)
    assert response.headers["X-Agent-Ignored"] == "tools.weather"
    assert b"Sunny." in response.data
    response = app.test_client().post("/v1/chat/completions", json={**body, "tool_choice": named()})
    assert response.status_code == 400
    error = response.get_json()["error"]
    assert (error["param"], error["code"]) == ("tool_choice", "tool_name_taken")
