"""Structured answers through the official SDK, from a real server with a provider behind it."""

from __future__ import annotations

import json
import select
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import BaseModel
from pydantic import Field

from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import gate
from flask_agent_api.testing import HANG
from tests.support import RawClient
from tests.support import Server
from tests.waiting import wait_until

APP = """
import time
from pathlib import Path

from flask_agent_api import create_app, tool


@tool
def look_up(name: str) -> str:
    \"\"\"Looks somebody up.\"\"\"
    return "42"


app = create_app({"AGENT_API_AGENTS": ["team.yaml"], "AGENT_API_KEEP_ALIVE": 0.1, "AGENT_API_STATUS_WAIT": 0.1})
"""
TEAM = """
models:
  fake: {provider: openai, model: m, base_url: "%s", token_key: FAKE_KEY}
agents:
  root:
    model: fake
    toolsets: [{type: python, tools: ["app:look_up"]}]
  demo:
    model: demo/demo
    toolsets: [{type: python, tools: ["flask_agent_api.demo.tools:calculate"]}]
"""


class Person(BaseModel):
    """Refers to itself, as trees do."""

    name: str = Field(pattern="^[A-ZÅ]")
    born: date
    friends: list[Person]


class Team(BaseModel):
    """Without a pattern, which the demo model does not look at."""

    name: str
    founded: date
    parts: list[Team]
    size: int = Field(gt=0)


ADA = '{"name": "Åda 😀", "born": "1815-12-10", "friends": [{"name": "Charles", "born": "1791-12-26", "friends": []}]}'
ASK: dict[str, Any] = {"model": "root", "messages": [{"role": "user", "content": "Who is Ada?"}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("structured")
    files = {"app.py": APP, "team.yaml": TEAM % upstream.url}
    with Server(folder, files, env={"FAKE_KEY": "x", "FLASK_AGENT_API_MODEL_RETRIES": "0"}) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server, sdk: openai.OpenAI) -> openai.OpenAI:
    return sdk.with_options(base_url=server.url)


@pytest.mark.slow
def test_parse_whole(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    upstream.text("```json\n", ADA[:40], ADA[40:], "\n```")
    answer = client.chat.completions.parse(**ASK, response_format=Person)
    assert answer.choices[0].message.content == ADA
    parsed = answer.choices[0].message.parsed
    assert parsed is not None
    assert (parsed.name, parsed.friends[0].born) == ("Åda 😀", date(1791, 12, 26))
    sent = upstream.requests[-1].json["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == ("json_schema", "Person", True)


def test_parse_streamed_after_a_tool(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "look_up", "arguments": '{"name": "Ada"}'}}
    delta = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}
    upstream.stream("I look her up.", delta, finish="tool_calls")
    upstream.text(*ADA)
    with client.chat.completions.stream(**ASK, response_format=Person) as stream:
        answer = stream.get_final_completion()
    assert answer.choices[0].message.content == ADA
    assert answer.choices[0].message.parsed == Person.model_validate_json(ADA)
    formats = [request.json["response_format"]["type"] for request in upstream.requests[-2:]]
    assert formats == ["json_schema", "json_schema"]


@pytest.mark.parametrize("content", ['{"name": "Ada"}', "I do not know her."])
def test_invalid_answers_are_exceptions(client: openai.OpenAI, upstream: FakeUpstream, content: str) -> None:
    upstream.text(content)
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.parse(**ASK, response_format=Person)
    assert (caught.value.status_code, caught.value.code) == (502, "invalid_structured_output")
    assert "Ada" not in str(caught.value)
    upstream.text(content)
    with (
        pytest.raises(openai.APIError) as streamed,
        client.chat.completions.stream(**ASK, response_format=Person) as stream,
    ):
        stream.get_final_completion()
    assert streamed.value.code == "invalid_structured_output"


@pytest.mark.parametrize(
    ("finish", "error"),
    [("length", openai.LengthFinishReasonError), ("content_filter", openai.ContentFilterFinishReasonError)],
)
def test_answer_that_was_cut_off(
    client: openai.OpenAI, upstream: FakeUpstream, finish: str, error: type[openai.OpenAIError]
) -> None:
    for ask in (client.chat.completions.parse, collected(client)):
        upstream.stream(ADA[:30], finish=finish)
        with pytest.raises(error):
            ask(**ASK, response_format=Person)


def test_refusal(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    for ask in (client.chat.completions.parse, collected(client)):
        deltas = [{"index": 0, "delta": {"refusal": text}, "finish_reason": None} for text in ("I cannot ", "help.")]
        upstream.stream(*({"choices": [delta]} for delta in deltas))
        message = ask(**ASK, response_format=Person).choices[0].message
        assert (message.refusal, message.parsed) == ("I cannot help.", None)


def collected(client: openai.OpenAI) -> Any:
    def ask(**fields: Any) -> Any:
        with client.chat.completions.stream(**fields) as stream:
            return stream.get_final_completion()

    return ask


@pytest.mark.parametrize("question", [pytest.param("Who is Ada?", marks=pytest.mark.slow), "What is 6 * 7?"])
def test_demo_model_gives_an_example(client: openai.OpenAI, question: str) -> None:
    messages: Any = [{"role": "user", "content": question}]
    for ask in (client.chat.completions.parse, collected(client)):
        answer = ask(model="demo", messages=messages, response_format=Team)
        team = answer.choices[0].message.parsed
        assert isinstance(team, Team)
        assert (team.name, team.size, team.parts[0].founded) == ("demo", 1, date(2026, 1, 31))


def test_stream_is_alive_while_the_answer_is_held_back(server: Server, upstream: FakeUpstream) -> None:
    upstream.stream('{"a": ', gate("rest"), "1}")
    with RawClient(server.port) as client:
        client.post(stream=True, model="root", response_format={"type": "json_object"})
        response = client.response()
        received = b""
        while received.count(b": keep-alive\n\n") < 2:
            received += response.read1()
        assert b'\\"a\\"' not in received
        upstream.open_gate("rest")
        stream = collect_sse(received + response.read())
    assert stream.text == '{"a": 1}'


def test_client_that_leaves_ends_the_run(server: Server, upstream: FakeUpstream) -> None:
    before = upstream.aborted
    for stream in (True, False):
        upstream.stream('{"a": ', HANG)
        seen = len(upstream.requests)
        with RawClient(server.port) as client:
            client.post(stream, model="root", response_format={"type": "json_object"})
            wait_until(lambda seen=seen: len(upstream.requests) > seen)
        before += 1
        upstream.wait(aborted=before)


@pytest.mark.slow
def test_a_long_check_holds_up_nobody(server: Server, client: openai.OpenAI, upstream: FakeUpstream) -> None:
    """One schema that takes all the time there is, and others are answered meanwhile."""
    chain = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {"type": "string"}}
    schema = {"type": ["null", "array"], "items": {"$ref": "#/$defs/d0"}, "$defs": chain}
    upstream.text("[5]")
    with RawClient(server.port) as slow:
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        slow.post(model="root", response_format=wanted)
        waits = []
        while not select.select([slow.sock], [], [], 0)[0]:
            waits.append(wait_until(lambda: client.models.list().data))
        error = json.loads(slow.response().read())["error"]
    assert error["code"] == "invalid_structured_output"
    assert "takes longer than" in error["message"]
    assert len(waits) > 20
    assert max(waits) < 0.5
