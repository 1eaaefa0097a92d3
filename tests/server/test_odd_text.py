"""Odd text from models and tools, to and from odd peers: every frame is one line of JSON that strict readers accept."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic_core
import pytest
from openai.types.chat import ChatCompletion

from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import pause
from flask_agent_api.testing import Stream
from tests.support import chunks
from tests.support import QUESTION
from tests.support import RawClient
from tests.support import Server

pytestmark = pytest.mark.slow

APP = """
import json

from flask_agent_api import create_app, tool


@tool
def odd(text: str) -> str:
    \"\"\"Gives back what it gets.\"\"\"
    return text


@tool
def fails(text: str) -> str:
    \"\"\"Fails with what it gets.\"\"\"
    raise ValueError(text)


app = create_app(
    {"AGENT_API_AGENTS": ["team.yaml"], "AGENT_API_ACTIVITY_PREVIEW": 10_000_000, "AGENT_API_SHOW_REASONING": True}
)
"""
TEAM = """
models:
  fake: {provider: openai, model: m, base_url: "%s", token_key: FAKE_KEY}
agents:
  root:
    model: fake
    toolsets: [{type: python, tools: ["app:odd", "app:fails"]}]
"""
TEXTS = {
    "emoji": "wörld 😀👩‍🔬",
    "line separators": "a\u2028b\u2029c\x85d\x0b\x0c\x1ce",
    "line feeds": "a\n\nb\r\n\r\nc\rd",
    "control characters": "\x00\x01\x1b[31m\x7f",
    "high surrogate": "a\ud83d",
    "low surrogate": "\ude00b",
    "surrogates the wrong way round": "\ude00\ud83d",
    "pair in two escapes": "\ud83d\ude00",
    "escapes that are text": "\\ud83d \\u2028 \\",
    "frames that are text": "data: [DONE]\n\ndata: {}\n\n: ping\n\nevent: error\nid: 1\nretry: 1\n\n",
    "beyond Unicode's planes of text": "\uffff\ufffe\U0010ffff",
    "a very long line": "lang ü😀" * 60_000,
}
texts = pytest.mark.parametrize("text", [pytest.param(text, id=name.replace(" ", "-")) for name, text in TEXTS.items()])


def well_formed(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("odd")
    files = {"app.py": APP, "team.yaml": TEAM % upstream.url}
    with Server(folder, files, env={"FAKE_KEY": "x"}) as running:
        yield running


def ask(server: Server, *, stream: bool, version: str = "1.1", **fields: Any) -> bytes:
    body = json.dumps({**QUESTION, "stream": stream, **fields}).encode()
    with RawClient(server.port) as client:
        client.send("POST", "/v1/chat/completions", body=body, version=version)
        response = client.response()
        assert response.status == 200
        assert (response.getheader("Transfer-Encoding") == "chunked") is (stream and version == "1.1")
        return response.read()


def streamed(body: bytes) -> Stream:
    """A stream whose every line is ASCII, and whose every frame the SDK's types and a strict JSON reader accept."""
    assert body.isascii()
    for line in body.splitlines():
        if line.startswith(b"data: {"):
            pydantic_core.from_json(line.removeprefix(b"data: "))
    chunks(body)
    return collect_sse(body)


def whole(body: bytes) -> dict[str, Any]:
    ChatCompletion.model_validate_json(body, strict=True)
    answer: dict[str, Any] = pydantic_core.from_json(body)
    return answer


def content(body: bytes) -> str:
    return str(whole(body)["choices"][0]["message"]["content"])


def raw_frame(text: str) -> bytes:
    """A chunk in UTF-8, without escapes."""
    chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


@texts
@pytest.mark.parametrize("version", [pytest.param("1.0", marks=pytest.mark.slow), "1.1"])
def test_text_of_the_model(server: Server, upstream: FakeUpstream, text: str, version: str) -> None:
    upstream.text("<", text, ">")
    assert streamed(ask(server, stream=True, version=version)).text == f"<{well_formed(text)}>"
    upstream.text("<", text, ">")
    assert content(ask(server, stream=False, version=version)) == f"<{well_formed(text)}>"


@texts
def test_text_that_comes_without_escapes(server: Server, upstream: FakeUpstream, text: str) -> None:
    text = well_formed(text)
    for stream in (True, False):
        upstream.stream(raw_frame(text), raw_frame("."))
        body = ask(server, stream=stream)
        assert (streamed(body).text if stream else content(body)) == f"{text}."


def test_answer_that_comes_byte_by_byte(server: Server, upstream: FakeUpstream) -> None:
    """So every character of several bytes is cut in its middle, and so is every escape."""
    text = "ü😀\u2028"
    escaped = json.dumps({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
    data = raw_frame(text) + f"data: {escaped}\r\n\r\n".encode() + raw_frame("end")
    for stream in (True, False):
        upstream.stream(*(step for at in range(len(data)) for step in (data[at : at + 1], pause(0.0002))))
        body = ask(server, stream=stream)
        assert (streamed(body).text if stream else content(body)) == f"{text}{text}end"


@texts
@pytest.mark.parametrize("tool", ["odd", "fails"])
def test_arguments_and_results_of_tools(server: Server, upstream: FakeUpstream, tool: str, text: str) -> None:
    text = text[:150_000]  # escaped, what is much longer is no argument any more
    upstream.tool_call(tool, {"text": text})
    upstream.text("done")
    stream = streamed(ask(server, stream=True))
    assert stream.text == "done"
    started, ended = stream.events
    assert well_formed(json.loads(started["arguments"])["text"]) == well_formed(text)
    result = pydantic_core.from_json(upstream.requests[-1].body)["messages"][-1]["content"]
    if tool == "odd":  # what the model gets has an end
        assert result[:20_000] == ended["result"][:20_000] == well_formed(text)[:20_000]
    upstream.tool_call(tool, {"text": text})
    upstream.text("done")
    assert len(whole(ask(server, stream=False))["agent_events"]) == 2


@texts
def test_names_ids_and_broken_arguments_of_tools(server: Server, upstream: FakeUpstream, text: str) -> None:
    text = text[:1000]
    for stream in (True, False):
        function = {"name": text, "arguments": f'{{"a": "{text}'}
        call = {"index": 0, "id": text, "type": "function", "function": function}
        delta = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}
        upstream.stream(text, delta, finish="tool_calls")
        upstream.text("done")
        body = ask(server, stream=stream)
        events = streamed(body).events if stream else whole(body)["agent_events"]
        assert {event["name"] for event in events} == {well_formed(text)}
        pydantic_core.from_json(upstream.requests[-1].body)


@texts
def test_reasoning(server: Server, upstream: FakeUpstream, text: str) -> None:
    for stream in (True, False):
        delta = {"choices": [{"index": 0, "delta": {"reasoning_content": text}, "finish_reason": None}]}
        upstream.stream(delta, "x")
        body = ask(server, stream=stream)
        message = {} if stream else whole(body)["choices"][0]["message"]
        seen = streamed(body).reasoning if stream else message["reasoning_content"]
        assert seen.rstrip() == well_formed(text).rstrip()


@texts
def test_errors_of_the_provider(server: Server, upstream: FakeUpstream, text: str) -> None:
    upstream.stream("x", {"error": {"message": text, "type": text, "code": text}})
    body = ask(server, stream=True)
    assert body.isascii()
    assert collect_sse(body).error is not None
    for frame in body.split(b"\n\n")[:-2]:
        pydantic_core.from_json(frame.removeprefix(b"data: "))


def test_request_that_comes_byte_by_byte(server: Server, upstream: FakeUpstream) -> None:
    question = {"messages": [{"role": "user", "content": "wörld 😀\u2028"}], "stream": True}
    body = json.dumps(question, ensure_ascii=False).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    upstream.text("ok")
    with RawClient(server.port) as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body:
            client.sock.sendall(bytes([byte]))
        assert streamed(client.response().read()).text == "ok"
    assert upstream.requests[-1].json["messages"][-1]["content"] == "wörld 😀\u2028"


@pytest.mark.parametrize("text", ['"\\ud83d"', '"\ud83d"', '"\\u0000 \\u2028"'])
def test_surrogates_and_zeros_in_a_request(server: Server, upstream: FakeUpstream, text: str) -> None:
    body = f'{{"messages": [{{"role": "user", "content": {text}}}]}}'.encode("utf-8", "surrogatepass")
    upstream.text("ok")
    with RawClient(server.port) as client:
        client.send("POST", "/v1/chat/completions", body=body)
        response = client.response()
        answer = json.loads(response.read())
    if response.status == 400:
        assert answer["error"]["code"] == "invalid_json"
        ask(server, stream=False)  # takes the answer that nobody got
    assert (response.status == 400) is ("d83d" in repr(text))


Curl = Callable[..., bytes]


@pytest.fixture
def curl(server: Server) -> Curl:
    """Asks with curl and gives the body, or with ``-i`` in the options head and body."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")

    def ask(*options: str, **fields: Any) -> bytes:
        command = ["curl", "-sS", "-N", "--max-time", "10", *options, f"{server.url}/chat/completions"]
        command += ["-H", "Content-Type: application/json", "--data-binary", "@-"]
        body = json.dumps({**QUESTION, **fields}).encode()
        return subprocess.run(command, input=body, stdout=subprocess.PIPE, check=True, timeout=20).stdout

    return ask


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1"])
def test_curl(curl: Curl, upstream: FakeUpstream, version: str) -> None:
    text = "".join(TEXTS.values())
    upstream.text(*TEXTS.values())
    joined = "".join(map(well_formed, TEXTS.values()))
    assert streamed(curl(version, stream=True)).text == joined
    upstream.text(text)
    assert content(curl(version)) == well_formed(text)


def test_curl_with_http_1_0_gets_a_body_that_ends_with_the_connection(curl: Curl, upstream: FakeUpstream) -> None:
    upstream.text("ok")
    head, _, body = curl("-i", "--http1.0", stream=True).partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert b"content-length" not in head.lower()
    assert b"connection: close" in head.lower()
    assert streamed(body).text == "ok"
