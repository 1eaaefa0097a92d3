"""The client's own tools over a real server: handed out, run by the client, and taken up again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from flask_agent_api.testing import FakeUpstream
from tests.support import Server

ALICE, BOB = "alice-0123456789", "bob-012345678901"
TOOLS_FILE = """\
import secrets
from flask_agent_api import tool

@tool(read_only=True)
def token() -> str:
    return "token-" + secrets.token_hex(8)
"""
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TOKEN: Any = {"type": "function", "function": {"name": "token"}}
QUESTION = {"role": "user", "content": "What is the weather in Ulm?"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    agent = {"model": "m", "description": "d", "instruction": "i"}
    own = {"toolsets": [{"type": "python", "tools": ["own_tools:token"]}]}
    model = {"provider": "openai", "model": "gpt", "base_url": upstream.url}
    agents = {"root": agent | own, "other": agent}
    files = {"team.yaml": json.dumps({"agents": agents, "models": {"m": model}}), "own_tools.py": TOOLS_FILE}
    env = {
        "OPENAI_API_KEY": "k",
        "FLASK_AGENT_API_AGENTS": "team.yaml",
        "FLASK_AGENT_API_KEYS": f"{ALICE},{BOB}",
        "FLASK_AGENT_API_MODEL_RETRIES": "0",
        "FLASK_AGENT_API_AGENT_OPTIONS": '{"other": {"client_tools": "never"}}',
    }
    folder = tmp_path_factory.mktemp("round_trip")
    with Server(folder, files, app="flask_agent_api.wsgi:app", env=env) as server:
        yield server


@pytest.fixture(scope="module")
def alice(server: Server, sdk: openai.OpenAI) -> openai.OpenAI:
    return sdk.with_options(base_url=server.url, api_key=ALICE)


@pytest.fixture(scope="module")
def bob(server: Server, sdk: openai.OpenAI) -> openai.OpenAI:
    return sdk.with_options(base_url=server.url, api_key=BOB)


def call(index: int, name: str, arguments: str = "{}") -> dict[str, Any]:
    """A call as a provider streams it; its id is the same in every answer."""
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": f"call_{index}", "type": "function", "function": function}


def queue(upstream: FakeUpstream, *calls: dict[str, Any], text: str = "") -> None:
    delta = {"content": text or None, "tool_calls": list(calls)}
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    upstream.stream({"choices": [{"index": 0, "delta": delta}]}, finish="tool_calls", usage=usage)


def ask(client: openai.OpenAI, messages: list[Any], stream: bool, **fields: Any) -> Any:
    """The answer as the SDK puts it together, from a stream or a whole one."""
    fields = {"model": "root", "tools": [WEATHER], "messages": messages, **fields}
    if not stream:
        return client.chat.completions.create(**fields)
    with client.chat.completions.stream(**fields, stream_options={"include_usage": True}) as events:
        return events.get_final_completion()


def sent(upstream: FakeUpstream) -> dict[str, Any]:
    """The last request that the model got."""
    body: dict[str, Any] = upstream.requests[-1].json
    return body


def result(call_id: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def as_sent_back(answer: Any) -> dict[str, Any]:
    """The assistant's message as clients repeat it."""
    message: dict[str, Any] = answer.choices[0].message.model_dump(include={"role", "content", "tool_calls"})
    for each in message["tool_calls"]:
        each["function"].pop("parsed_arguments", None)
    return message


def token_in(messages: list[Any]) -> list[str]:
    return [message["content"] for message in messages if str(message.get("content")).startswith("token-")]


@pytest.mark.parametrize("stream", [False, True])
def test_mixed_calls_and_back(alice: openai.OpenAI, upstream: FakeUpstream, stream: bool) -> None:
    queue(upstream, call(0, "weather", '{"city": "Ulm"}'), call(1, "token"), text="Let me see. ")
    answer = ask(alice, [QUESTION], stream)
    assert [tool["function"]["name"] for tool in sent(upstream)["tools"]] == ["token", "weather"]
    (choice,) = answer.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", "Let me see. ")
    (handed,) = choice.message.tool_calls
    assert (handed.type, handed.function.name) == ("function", "weather")
    assert json.loads(handed.function.arguments) == {"city": "Ulm"}
    assert answer.usage.total_tokens == 7
    assert "token-" not in answer.model_dump_json()

    upstream.text("It rains.")
    history = [QUESTION, as_sent_back(answer), result(handed.id, "rain")]
    followed = ask(alice, history, stream)
    assert (followed.choices[0].finish_reason, followed.choices[0].message.content) == ("stop", "It rains.")
    _, question, both, weather, token = sent(upstream)["messages"]
    assert (question, both["content"]) == (QUESTION, "Let me see. ")
    assert [each["function"]["name"] for each in both["tool_calls"]] == ["weather", "token"]
    assert [each["id"] for each in both["tool_calls"]] == [weather["tool_call_id"], token["tool_call_id"]]
    assert weather["content"] == "rain"
    assert token_in([token]), "what the server's tool found is still there, although the client never had it"
    assert not token_in(history)


@pytest.mark.parametrize("stream", [False, True])
def test_several_rounds_and_a_later_turn(alice: openai.OpenAI, upstream: FakeUpstream, stream: bool) -> None:
    history: list[Any] = [QUESTION]
    for round in range(3):
        queue(upstream, call(0, "token"), call(1, "weather", '{"city": "Ulm"}'))
        answer = ask(alice, history, stream)
        (handed,) = answer.choices[0].message.tool_calls
        history += [as_sent_back(answer), result(handed.id, f"rain {round}")]
    upstream.text("It rains.")
    ask(alice, history, stream)
    history += [{"role": "assistant", "content": "It rains."}, {"role": "user", "content": "Sure?"}]
    upstream.text("Sure.")
    ask(alice, history, stream)
    messages = sent(upstream)["messages"]
    assert len(set(token_in(messages))) == 3
    assert [message["content"] for message in messages if str(message["content"]).startswith("rain")] == [
        "rain 0", "rain 1", "rain 2"
    ]  # fmt: skip
    ids = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert len(set(ids)) == 6


def test_nobody_else_gets_what_was_found(alice: openai.OpenAI, bob: openai.OpenAI, upstream: FakeUpstream) -> None:
    queue(upstream, call(0, "token"), call(1, "weather", '{"city": "Ulm"}'))
    answer = ask(alice, [QUESTION], stream=False)
    history = [QUESTION, as_sent_back(answer), result(answer.choices[0].message.tool_calls[0].id, "rain")]
    upstream.text("Hm.")
    assert ask(bob, history, stream=False).choices[0].message.content == "Hm."
    assert not token_in(sent(upstream)["messages"])
    assert sent(upstream)["messages"][-1]["content"] == "rain"
    upstream.text("Hm.")
    ask(alice, history, stream=False, model="other", tools=openai.NOT_GIVEN)
    assert not token_in(sent(upstream)["messages"])
    upstream.text("Hm.")
    ask(alice, history, stream=False)
    assert len(token_in(sent(upstream)["messages"])) == 1


def test_histories_of_strangers_are_made_readable(alice: openai.OpenAI, upstream: FakeUpstream) -> None:
    upstream.text("Fine.")
    unknown = {"id": "call_unknown", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    history = [
        QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [unknown]},
        {"role": "user", "content": "And?"},
        result("call_lost", "42 degrees"),
    ]
    assert ask(alice, history, stream=True).choices[0].message.content == "Fine."
    _, question, asked, given, again, lost = sent(upstream)["messages"]
    assert (question, asked["tool_calls"]) == (QUESTION, [unknown])
    assert given == result("call_unknown", "(no result)")
    assert (again["content"], lost["role"]) == ("And?", "user")
    assert "42 degrees" in lost["content"]


def test_a_forced_tool_reaches_the_model_until_it_is_called(alice: openai.OpenAI, upstream: FakeUpstream) -> None:
    queue(upstream, call(0, "token"))
    queue(upstream, call(0, "weather", '{"city": "Ulm"}'))
    answer = ask(alice, [QUESTION], stream=False, tool_choice="required", parallel_tool_calls=False)
    assert answer.choices[0].message.tool_calls[0].function.name == "weather"
    assert answer.usage.total_tokens == 14
    for request in upstream.requests[-2:]:
        assert (request.json["tool_choice"], request.json["parallel_tool_calls"]) == ("required", False)
    named: Any = {"type": "function", "function": {"name": "weather"}}
    queue(upstream, call(0, "weather", '{"city": "Ulm"}'))
    ask(alice, [QUESTION], stream=True, tool_choice=named)
    assert sent(upstream)["tool_choice"] == named


@pytest.mark.parametrize("stream", [False, True])
def test_a_name_that_the_agent_has(alice: openai.OpenAI, upstream: FakeUpstream, stream: bool) -> None:
    queue(upstream, call(0, "token"))
    upstream.text("ok")
    fields: Any = {"model": "root", "messages": [QUESTION], "tools": [WEATHER, TOKEN], "stream": stream}
    raw = alice.chat.completions.with_raw_response.create(**fields)
    assert raw.headers["x-agent-ignored"] == "tools.token"
    raw.http_response.read()
    assert token_in(sent(upstream)["messages"]), "the agent's own ran"
    known = len(upstream.requests)
    with pytest.raises(openai.BadRequestError) as caught:
        alice.chat.completions.create(**fields, tool_choice={"type": "function", "function": {"name": "token"}})
    assert (caught.value.param, caught.value.code) == ("tool_choice", "tool_name_taken")
    assert len(upstream.requests) == known


@pytest.mark.parametrize("stream", [False, True])
def test_an_early_failure_keeps_its_status(alice: openai.OpenAI, upstream: FakeUpstream, stream: bool) -> None:
    upstream.error(429)
    with pytest.raises(openai.RateLimitError):
        alice.chat.completions.create(model="root", messages=[QUESTION], tools=[WEATHER, TOKEN], stream=stream)


def test_an_agent_that_takes_none(alice: openai.OpenAI, upstream: FakeUpstream) -> None:
    upstream.text("ok")
    raw = alice.chat.completions.with_raw_response.create(model="other", messages=[QUESTION], tools=[WEATHER])
    assert raw.headers["x-agent-ignored"] == "tools"
    assert "tools" not in sent(upstream)
    with pytest.raises(openai.BadRequestError) as caught:
        alice.chat.completions.create(model="other", messages=[QUESTION], tools=[WEATHER], tool_choice="required")
    assert caught.value.code == "client_tools_disabled"


@pytest.mark.parametrize("stream", [False, True])
def test_legacy_functions(alice: openai.OpenAI, upstream: FakeUpstream, stream: bool) -> None:
    queue(upstream, call(0, "weather", '{"city": "Ulm"}'))
    fields: Any = {"tools": openai.NOT_GIVEN, "functions": [WEATHER["function"]]}
    if stream:
        chunks = list(alice.chat.completions.create(model="root", messages=[QUESTION], stream=True, **fields))
        assert chunks[-1].choices[0].finish_reason == "function_call"
    else:
        (choice,) = ask(alice, [QUESTION], stream=False, **fields).choices
        assert (choice.finish_reason, choice.message.function_call.name) == ("function_call", "weather")
    assert sent(upstream)["parallel_tool_calls"] is False
    upstream.text("It rains.")
    called = {"name": "weather", "arguments": '{"city": "Ulm"}'}
    history = [
        QUESTION,
        {"role": "assistant", "content": None, "function_call": called},
        {"role": "function", "name": "weather", "content": "rain"},
    ]
    ask(alice, history, stream=False, **fields)
    *_, asked, given = sent(upstream)["messages"]
    assert asked["tool_calls"][0]["function"] == called
    assert (given["role"], given["tool_call_id"], given["content"]) == ("tool", asked["tool_calls"][0]["id"], "rain")
