"""What both forms of an answer must agree on, over a real server: who ran, what it used, and whether to try again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.web.activity.modes import MODES
from tests.support import frames
from tests.support import QUESTION
from tests.support import RawClient
from tests.support import Server

APP = """\
import secrets
import time

from flask_agent_api import create_app, tool
from flask_agent_api.errors import ModelRateLimited

@tool
def token() -> str:
    return "token-" + secrets.token_hex(8)

def raises(messages):
    raise ValueError("sk-secret")

def refuses(messages):
    raise ModelRateLimited("Later.", headers={"Retry-After": "7"})

def hangs(messages):
    time.sleep(60)

app = create_app({
    "AGENT_API_AGENTS": ["team.yaml", raises, refuses, hangs], "AGENT_API_MODEL_RETRIES": 0,
    "AGENT_API_AGENT_OPTIONS": {"hangs": {"run_timeout": 0.2}},
})
"""
WEATHER = {"type": "function", "function": {"name": "weather"}}
FORMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of either form: what the two have in common."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    message: dict[str, Any]
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    agent = {"model": "m", "description": "d", "instruction": "i"}
    own = {"toolsets": [{"type": "python", "tools": ["app:token"]}], "sub_agents": ["helper"]}
    model = {"provider": "openai", "model": "gpt", "base_url": upstream.url}
    files = {"team.yaml": json.dumps({"agents": {"root": agent | own, "helper": agent}, "models": {"m": model}})}
    with Server(tmp_path_factory.mktemp("forms"), {"app.py": APP, **files}, env={"OPENAI_API_KEY": "k"}) as server:
        yield server


def ask(server: Server, stream: bool, *headers: str, **fields: Any) -> Answer:
    if stream:
        fields["stream_options"] = {"include_usage": True}
    body = json.dumps({**QUESTION, "model": "team", "stream": stream, **fields}).encode()
    with RawClient(server.port) as client:
        client.send("POST", "/v1/chat/completions", *headers, body=body)
        response = client.response()
        data = response.read()
    if response.status != 200:
        return Answer(response.status, response.headers, data, {})
    if stream:
        read = collect_sse(data)
        message = {"content": read.text, "tool_calls": read.tool_calls}
        return Answer(200, response.headers, data, message, read.finish_reason, read.usage)
    answer = json.loads(data)
    choice = answer["choices"][0]
    return Answer(200, response.headers, data, choice["message"], choice["finish_reason"], answer.get("usage"))


def used(prompt: int, completion: int, cached: int, reasoning: int) -> dict[str, Any]:
    """Usage as a provider reports it."""
    return {
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }  # fmt: skip


def queue(upstream: FakeUpstream, *calls: tuple[str, dict[str, str]], usage: Any = None) -> None:
    """Queues an answer of the model that calls tools; the ids are ``call_0`` and so on."""
    deltas = [
        {"index": i, "id": f"call_{i}", "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}
        for i, (n, a) in enumerate(calls)
    ]
    delta = {"index": 0, "delta": {"tool_calls": deltas}, "finish_reason": None}
    upstream.stream({"choices": [delta]}, finish="tool_calls", usage=usage)


DELEGATE = ("transfer_task", {"agent": "helper", "task": "t", "expected_output": "o"})


@FORMS
def test_usage_is_the_sum_over_all_model_calls_of_the_team(
    server: Server, upstream: FakeUpstream, stream: bool
) -> None:
    upstream.reset()
    queue(upstream, DELEGATE, usage=used(100, 10, 64, 4))
    upstream.text("helped", usage=used(20, 5, 8, 2))
    upstream.text("done", usage=used(130, 7, 100, 1))
    answer = ask(server, stream)
    assert answer.usage == used(250, 22, 172, 7)
    assert answer.message["content"] == "done"
    assert answer.headers["X-Agent"] == "team"


@FORMS
def test_usage_that_nobody_knows_is_not_invented(server: Server, upstream: FakeUpstream, stream: bool) -> None:
    upstream.reset()
    upstream.text("hi")
    answer = ask(server, stream)
    assert answer.usage is None
    if stream:
        chunks = [json.loads(frame) for frame in frames(answer.body)[:-1]]
        assert all(chunk["choices"] and chunk["usage"] is None for chunk in chunks)


@FORMS
def test_accept_is_never_negotiated_on(server: Server, upstream: FakeUpstream, stream: bool) -> None:
    upstream.reset()
    upstream.text("hi")
    other = "application/json" if stream else "text/event-stream"
    answer = ask(server, stream, f"Accept: {other}")
    assert (answer.status, answer.message["content"]) == (200, "hi")
    assert answer.headers["Content-Type"].startswith("text/event-stream" if stream else "application/json")


@FORMS
def test_failure_before_any_tool_may_be_tried_again(server: Server, upstream: FakeUpstream, stream: bool) -> None:
    upstream.reset()
    upstream.error(429, Retry_After="3")
    answer = ask(server, stream)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    assert "X-Should-Retry" not in answer.headers
    assert answer.headers["X-Agent"] == "team"


def test_failure_after_a_tool_must_not_be_tried_again(server: Server, upstream: FakeUpstream) -> None:
    upstream.reset()
    queue(upstream, ("token", {}))
    upstream.error(503)
    answer = ask(server, False)
    assert (answer.status, answer.headers["X-Should-Retry"]) == (503, "false")


@FORMS
@pytest.mark.parametrize(("agent", "status"), [("raises", 500), ("hangs", 504)])
def test_python_agent_that_failed_unexpectedly_must_not_be_tried_again(
    server: Server, agent: str, status: int, stream: bool
) -> None:
    """Nobody knows what its code has done before."""
    answer = ask(server, stream, model=agent)
    assert (answer.status, answer.headers["X-Should-Retry"]) == (status, "false")
    assert answer.headers["X-Agent"] == agent


@FORMS
def test_python_agent_says_itself_what_may_be_tried_again(server: Server, stream: bool) -> None:
    answer = ask(server, stream, model="refuses")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert "X-Should-Retry" not in answer.headers


@FORMS
@pytest.mark.parametrize("mode", MODES)
def test_client_tools_make_the_round_trip_in_every_mode(
    server: Server, upstream: FakeUpstream, mode: str, stream: bool
) -> None:
    upstream.reset()
    queue(upstream, ("token", {}), ("weather", {"city": "Ulm"}))
    first = ask(server, stream, tools=[WEATHER], tool_activity=mode)
    assert first.finish_reason == "tool_calls"
    *shown, call = first.message["tool_calls"]
    assert [each["function"]["name"] for each in shown] == (["token"] if mode == "tool_calls" else [])
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("weather", {"city": "Ulm"})
    upstream.text("It rains.")
    told = [
        {"role": "assistant", "content": first.message["content"], "tool_calls": first.message["tool_calls"]},
        *({"role": "tool", "tool_call_id": each["id"], "content": "no such tool"} for each in shown),
        {"role": "tool", "tool_call_id": call["id"], "content": "rain"},
    ]
    second = ask(server, stream, tools=[WEATHER], tool_activity=mode, messages=[*QUESTION["messages"], *told])
    assert (second.message["content"], second.finish_reason) == ("It rains.", "stop")
    read = [message for message in upstream.requests[-1].json["messages"] if message["role"] != "system"]
    assert [message["role"] for message in read] == ["user", "assistant", "tool", "tool"]
    assert read[2]["content"].startswith("token-")
    assert read[3] == {"role": "tool", "tool_call_id": call["id"], "content": "rain"}
    assert "details" not in str(read)
    assert "tool_call_info" not in str(read)
