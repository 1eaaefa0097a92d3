"""The official SDK against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.support import Server
from tests.support import text_of

pytestmark = pytest.mark.wire

KEY = "0123456789abcdef"

APP = """
import time

from flask_agent_api import create_app, agents
from flask_agent_api.errors import ModelRateLimited
from flask_agent_api.types import ToolCall, ToolFinished, ToolResult, ToolStarted, Usage


@agents.agent("hello", description="Says hello.")
def hello(messages):
    yield "Hello, "
    yield messages[-1]["content"]
    yield Usage(3, 4)


@agents.agent("folder/works")
def works(messages):
    call = ToolCall("call_1", "search", "{}")
    yield ToolStarted(call)
    time.sleep(0.25)
    yield ToolFinished(call, ToolResult("x"), 0.25)
    yield "done"


@agents.agent("limited")
def limited(messages):
    raise ModelRateLimited("Slow down.")


@agents.agent("fails")
def fails(messages):
    yield "partial"
    time.sleep(0.05)
    raise ValueError("secret")


app = create_app({"AGENT_API_KEYS": "KEY", "AGENT_API_KEEP_ALIVE": 0.1, "AGENT_API_STATUS_WAIT": 0.1})
""".replace('"KEY"', f'"{KEY}"')


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("sdk"), {"app.py": APP}) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server, sdk: openai.OpenAI) -> openai.OpenAI:
    return sdk.with_options(base_url=server.url, api_key=KEY)


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["hello", "folder/works", "limited", "fails"]
    assert client.models.retrieve("folder/works").id == "folder/works"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nope")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_whole_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "wörld 😀"}])
    assert answer.choices[0].message.content == "Hello, wörld 😀"
    assert answer.model == "gpt-4"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 7
    assert (answer._request_id or "").startswith("req_")


def test_stream(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="hello", messages=[{"role": "user", "content": "wörld 😀"}], stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    got = list(stream)
    assert text_of(got) == "Hello, wörld 😀"
    assert got[-1].usage is not None
    assert got[-1].usage.total_tokens == 7


def test_streaming_helper_sees_one_role_and_the_whole_text(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="folder/works", messages=[{"role": "user", "content": "go"}]
    ) as stream:  # keep-alives and activities flow past it
        answer = stream.get_final_completion()
    assert (answer.choices[0].message.role, answer.choices[0].message.content) == ("assistant", "done")
    assert not answer.choices[0].message.tool_calls


def test_activities_can_be_read(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="folder/works", messages=[{"role": "user", "content": "go"}], stream=True
    )
    events = [chunk.model_extra["agent_event"]["type"] for chunk in stream if chunk.model_extra]
    assert events == ["tool_start", "tool_end"]


@pytest.mark.parametrize("stream", [True, False])
def test_statuses_become_the_sdks_exceptions(client: openai.OpenAI, stream: bool) -> None:
    with pytest.raises(openai.RateLimitError, match="Slow down") as caught:
        client.chat.completions.create(model="limited", messages=[{"role": "user", "content": "x"}], stream=stream)
    assert caught.value.code == "rate_limit_exceeded"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="hello", messages=[], stream=stream)


def test_late_failure_is_an_exception_after_the_text(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="fails", messages=[{"role": "user", "content": "x"}], stream=True)
    received: list[ChatCompletionChunk] = []
    with pytest.raises(openai.APIError) as caught:
        received.extend(stream)
    assert (text_of(received), caught.value.code) == ("partial", "internal_error")
    assert "secret" not in str(caught.value)


def test_base_url_with_a_doubled_slash(server: Server, client: openai.OpenAI) -> None:
    sloppy = client.with_options(base_url=server.url.replace("/v1", "//v1/"))
    assert sloppy.models.list().data[0].id == "hello"
    answer = sloppy.chat.completions.create(model="x", messages=[{"role": "user", "content": "you"}])
    assert answer.choices[0].message.content == "Hello, you"


def test_many_at_once(client: openai.OpenAI) -> None:
    def ask(number: int) -> str:
        stream = client.chat.completions.create(
            model="hello" if number % 2 else "folder/works", stream=True,
            messages=[{"role": "user", "content": str(number)}],
        )  # fmt: skip
        return text_of(stream)

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(ask, range(40))) == [f"Hello, {n}" if n % 2 else "done" for n in range(40)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, sdk: openai.OpenAI) -> Iterator[openai.OpenAI]:
    """A client of the demo team."""
    folder = tmp_path_factory.mktemp("demo")
    with Server(folder, {}, app="flask_agent_api.wsgi:app") as running:
        yield sdk.with_options(base_url=running.url)


WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def complete(client: openai.OpenAI, stream: bool, **fields: Any) -> Any:
    if not stream:
        return client.chat.completions.create(model="root", **fields).choices[0]
    with client.chat.completions.stream(model="root", **fields) as events:
        return events.get_final_completion().choices[0]


@pytest.mark.parametrize("stream", [pytest.param(False, marks=pytest.mark.slow), True])
def test_tools_of_the_client_make_the_round_trip(demo: openai.OpenAI, stream: bool) -> None:
    text = "use calculate with expression 6 * 7 and use get_weather with city Ulm then use get_weather with city Bonn"
    messages: list[Any] = [{"role": "user", "content": text}]
    for city in ("Ulm", "Bonn"):
        answer = complete(demo, stream, messages=messages, tools=[WEATHER])
        assert (answer.finish_reason, answer.message.content or "") == ("tool_calls", "")
        (call,) = answer.message.tool_calls
        assert json.loads(call.function.arguments) == {"city": city}
        messages += [answer.message, {"role": "tool", "tool_call_id": call.id, "content": f"Rain in {city}"}]
    last = complete(demo, stream, messages=messages, tools=[WEATHER])
    assert last.finish_reason == "stop"
    says = [line for line in last.message.content.split("\n") if line.startswith("The tool")]
    assert says == [
        "The tool calculate says: 42",
        "The tool get_weather says: Rain in Ulm",
        "The tool get_weather says: Rain in Bonn",
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_a_forced_tool_is_called_whatever_the_question(demo: openai.OpenAI, stream: bool) -> None:
    named: Any = {"type": "function", "function": {"name": "get_weather"}}
    for choice in (named, "required"):
        question: Any = [{"role": "user", "content": "Hello"}]
        answer = complete(demo, stream, messages=question, tools=[WEATHER], tool_choice=choice)
        (call,) = answer.message.tool_calls
        assert (answer.finish_reason, call.function.name) == ("tool_calls", "get_weather")
        assert isinstance(json.loads(call.function.arguments)["city"], str)
