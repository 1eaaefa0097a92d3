"""What breaks behind an agent after a tool has run, and tools that break; the server goes on.

How a model's own failures are answered is in test_model_failures.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.concurrency import spawn
from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import HANG
from flask_agent_api.testing import RESET

from ..support import Server
from ..waiting import wait_until

pytestmark = pytest.mark.wire

MCP_SERVER = Path(__file__).parent.parent / "data" / "mcp_fake_server.py"
TOOLS = """\
import secrets, time
from flask_agent_api import tool

TOKEN = secrets.token_hex(8)

@tool(read_only=True)
def token() -> str:
    return TOKEN

@tool
def sleeper() -> str:
    time.sleep(60)
    return "never"
"""
FAILURES = {
    "500": (lambda up: up.error(500), 502, "upstream_error"),
    "429": (lambda up: up.error(429, Retry_After="0.01"), 429, "rate_limit_exceeded"),
    "garbage": (lambda up: up.stream(b"data: {nonsense\n\n"), 502, "upstream_error"),
    "cut": (lambda up: up.stream("", finish=None, done=False), 502, "upstream_truncated"),
    "reset": (lambda up: up.reply(RESET), 502, "upstream_error"),
    "hang": (lambda up: up.reply(HANG), 504, "upstream_timeout"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    """Gives up at once."""
    with serve(tmp_path_factory.mktemp("failures"), upstream, retries=0) as server:
        yield server


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    """Tries a model call once more."""
    with serve(tmp_path_factory.mktemp("patient"), upstream, retries=1) as server:
        yield server


def serve(folder: Path, upstream: FakeUpstream, retries: int) -> Server:
    toolsets = [
        {"type": "python", "tools": ["broken_tools:token", "broken_tools:sleeper"]},
        {"type": "mcp", "command": sys.executable, "args": [str(MCP_SERVER), "notes=notes.txt"]},
    ]
    agent = {"model": "m", "description": "Fails", "instruction": "Fail.", "toolsets": toolsets}
    model = {"provider": "openai", "model": "gpt", "base_url": upstream.url}
    files = {"team.yaml": json.dumps({"agents": {"root": agent}, "models": {"m": model}}), "broken_tools.py": TOOLS}
    env = {
        "OPENAI_API_KEY": "sk-canary-0123456789",
        "FLASK_AGENT_API_AGENTS": "team.yaml",
        "FLASK_AGENT_API_MODEL_RETRIES": str(retries),
        "FLASK_AGENT_API_MODEL_FIRST_BYTE_TIMEOUT": "0.3",
        "FLASK_AGENT_API_TOOL_TIMEOUT": "0.3",
        "FLASK_AGENT_API_ACTIVITY_PREVIEW": "100",
    }
    return Server(folder, files, app="flask_agent_api.wsgi:app", env=env)


@pytest.fixture(autouse=True)
def goes_on(server: Server, upstream: FakeUpstream) -> Iterator[None]:
    """After every failure the next request is answered, and no secret has been written anywhere."""
    yield
    upstream.text("fine")
    assert ask(server)[1]["choices"][0]["message"]["content"] == "fine"
    assert "sk-canary" not in server.log


def ask(server: Server, stream: bool = False) -> tuple[int, Any]:
    """Status and answer: an object, or the stream's bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    body = {"model": "root", "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    received = response.read()
    connection.close()
    return response.status, received if stream and response.status == 200 else json.loads(received)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", FAILURES)
def test_failure_after_a_tool_is_one_error(server: Server, upstream: FakeUpstream, kind: str, stream: bool) -> None:
    fail, status, code = FAILURES[kind]
    upstream.tool_call("token", {})
    fail(upstream)
    answered, body = ask(server, stream)
    if stream:
        assert answered == 200
        ended = collect_sse(body)
        assert [event["type"] for event in ended.events] == ["tool_start", "tool_end"]
        assert ended.error is not None
        assert ended.error["code"] == code
    else:
        assert (answered, body["error"]["code"]) == (status, code)


@pytest.mark.slow
def test_failure_that_passes_repeats_the_call_and_not_the_tool(patient: Server, upstream: FakeUpstream) -> None:
    before = len(upstream.requests)
    upstream.tool_call("token", {})
    FAILURES["429"][0](upstream)
    upstream.text("recovered")
    status, body = ask(patient, stream=True)
    answer = collect_sse(body)
    assert (status, answer.text, answer.finish_reason) == (200, "recovered", "stop")
    assert [event["type"] for event in answer.events] == ["tool_start", "tool_end"]
    assert len(upstream.requests) - before == 3


def test_tool_result_reaches_the_model(server: Server, upstream: FakeUpstream) -> None:
    upstream.tool_call("token", {}, id="call_a")
    upstream.text("done")
    _, body = ask(server, stream=True)
    [result] = [event["result"] for event in collect_sse(body).events if event["type"] == "tool_end"]
    sent = upstream.requests[-1].json["messages"][-1]
    assert sent == {"role": "tool", "tool_call_id": "call_a", "content": result}
    assert len(result) == 16


def test_hanging_tool_ends_at_its_limit_and_the_model_is_told(server: Server, upstream: FakeUpstream) -> None:
    upstream.tool_call("sleeper", {})
    upstream.text("gave up")
    started = time.monotonic()
    status, body = ask(server)
    assert (status, body["choices"][0]["message"]["content"]) == (200, "gave up")
    assert 0.25 < time.monotonic() - started < 3
    assert body["agent_events"][-1]["status"] == "error"
    assert "timed out" in upstream.requests[-1].json["messages"][-1]["content"]


def test_killed_mcp_server_is_told_to_the_model_and_starts_again(server: Server, upstream: FakeUpstream) -> None:
    upstream.tool_call("pid", {})
    upstream.text("known")
    ask(server)
    pid = int(upstream.requests[-1].json["messages"][-1]["content"])
    upstream.tool_call("hang", {})
    upstream.text("it died")
    answers: list[tuple[int, Any]] = []
    task = spawn(lambda: answers.append(ask(server)))
    wait_until(lambda: "call hang" in (server.folder / "notes.txt").read_text())
    os.kill(pid, signal.SIGKILL)
    assert task.join(5)
    assert answers[0][1]["choices"][0]["message"]["content"] == "it died"
    assert answers[0][1]["agent_events"][-1]["status"] == "error"
    word = secrets.token_hex(8)
    upstream.tool_call("echo", {"text": word})
    upstream.text("alive")
    assert ask(server)[0] == 200
    assert upstream.requests[-1].json["messages"][-1]["content"] == word
