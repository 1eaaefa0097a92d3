"""From the client's socket to the provider's: whoever goes, the other end notices at once."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
from collections.abc import Callable
from collections.abc import Iterator

import pytest

from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import flood
from flask_agent_api.testing import HANG

from ..support import RawClient
from ..support import Server
from ..waiting import wait_until

TOOLS = """
import time
from pathlib import Path

from flask_agent_api import tool


def note(what):
    with Path("notes").open("a") as file:
        file.write(what + "\\n")


@tool
def sleeper() -> str:
    note("started")
    try:
        time.sleep(60)
    finally:
        note("told to end")
        time.sleep(0.3)
        note("cleaned up")
    return "never"
"""
NOTICED = 0.25
"""Seconds until everything behind a client that has gone has ended."""

both = pytest.mark.parametrize(
    "stream", [pytest.param(True, id="stream"), pytest.param(False, id="whole", marks=pytest.mark.slow)]
)


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    toolsets = [{"type": "python", "tools": ["slow_tools:sleeper"]}]
    agent = {"model": "m", "description": "x", "instruction": "x", "toolsets": toolsets}
    model = {"provider": "openai", "model": "gpt", "base_url": upstream.url}
    files = {"team.yaml": json.dumps({"agents": {"root": agent}, "models": {"m": model}}), "slow_tools.py": TOOLS}
    env = {
        "OPENAI_API_KEY": "x",
        "FLASK_AGENT_API_AGENTS": "team.yaml",
        "FLASK_AGENT_API_MODEL_RETRIES": "0",
        "FLASK_AGENT_API_MODEL_IDLE_TIMEOUT": "0.5",
        "FLASK_AGENT_API_WRITE_TIMEOUT": "0.5",
        "FLASK_AGENT_API_LOG_LEVEL": "info",
    }
    folder = tmp_path_factory.mktemp("lifecycle")
    with Server(folder, files, app="flask_agent_api.wsgi:app", env=env) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[RawClient]:
    (server.folder / "notes").write_text("")
    with RawClient(server.port) as connected:
        yield connected


def ask(client: RawClient, stream: bool, request_id: str = "x") -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}], "stream": stream}).encode()
    client.send("POST", "/v1/chat/completions", f"X-Request-Id: {request_id}", body=body)


def lines_of(server: Server, request_id: str) -> list[str]:
    """What the log says of the end of a run."""
    return re.findall(rf"run {request_id} .*(end=\S+)", server.log)


SILENT: dict[str, Callable[[FakeUpstream], None]] = {
    "before the head": lambda up: up.reply(HANG),
    "before the first token": lambda up: up.stream(HANG),
    "mid-token": lambda up: up.stream("half an ", HANG),
}


@both
@pytest.mark.parametrize("when", SILENT)
def test_gone_client_ends_the_call_of_a_silent_model(
    server: Server, upstream: FakeUpstream, client: RawClient, when: str, stream: bool
) -> None:
    request_id = f"silent-{when.replace(' ', '-')}-{stream}"
    requests, aborted = len(upstream.requests), upstream.aborted
    SILENT[when](upstream)
    ask(client, stream, request_id)
    if stream and when == "mid-token":
        assert b"half an " in client.response().read1()
    else:
        upstream.wait(requests=requests + 1)
    client.sock.close()
    assert wait_until(lambda: upstream.aborted == aborted + 1) < NOTICED
    wait_until(lambda: lines_of(server, request_id))
    assert lines_of(server, request_id) == ["end=client_disconnected"]


@both
def test_gone_client_ends_a_tool_once_and_lets_it_clean_up(
    server: Server, upstream: FakeUpstream, client: RawClient, stream: bool
) -> None:
    """The response's own end cancels the run once more, while the tool cleans up."""
    notes = server.folder / "notes"
    request_id = f"tool-{stream}"
    requests = len(upstream.requests)
    upstream.tool_call("sleeper", {})
    ask(client, stream, request_id)
    wait_until(lambda: "started" in notes.read_text())
    client.sock.close()
    assert wait_until(lambda: "told to end" in notes.read_text()) < NOTICED
    wait_until(lambda: lines_of(server, request_id))
    assert notes.read_text().splitlines() == ["started", "told to end", "cleaned up"]
    assert lines_of(server, request_id) == ["end=client_disconnected"]
    assert len(upstream.requests) == requests + 1, "the model was asked again, for nobody"


def test_gone_client_ends_the_call_of_a_busy_model(server: Server, upstream: FakeUpstream, client: RawClient) -> None:
    aborted = upstream.aborted
    upstream.stream(flood("x" * 1000))
    ask(client, stream=True, request_id="busy")
    client.response().read(200_000)
    client.reset()
    assert wait_until(lambda: upstream.aborted == aborted + 1) < NOTICED
    wait_until(lambda: lines_of(server, "busy"))
    assert lines_of(server, "busy") == ["end=client_disconnected"]


def test_client_that_does_not_read_ends_the_call_and_fills_no_memory(
    server: Server, upstream: FakeUpstream, client: RawClient
) -> None:
    """The model would push for ever: it is held up, and after the time for a write its call is ended."""
    aborted = upstream.aborted
    upstream.stream(flood("x" * 10_000))
    ask(client, stream=True, request_id="stuck")
    client.response().read(50_000)
    before = server.memory_mib
    assert 0.3 < wait_until(lambda: upstream.aborted == aborted + 1) < 3
    assert server.memory_mib - before < 10
    wait_until(lambda: lines_of(server, "stuck"))
    assert lines_of(server, "stuck") == ["end=client_disconnected"]


@both
def test_connection_goes_on_after_a_model_that_timed_out(
    upstream: FakeUpstream, client: RawClient, stream: bool
) -> None:
    for text in ("one", "", "three"):
        if text:
            upstream.text(text)
        else:
            upstream.stream("two", HANG)
        ask(client, stream)
        body = client.response().read()
        if stream:
            answer = collect_sse(body)
            assert (answer.text, answer.error is None) == (text or "two", bool(text))
        elif text:
            assert json.loads(body)["choices"][0]["message"]["content"] == text
        else:
            assert json.loads(body)["error"]["code"] == "upstream_timeout"


@pytest.mark.slow
def test_killed_worker_does_not_end_its_stream(server: Server, upstream: FakeUpstream, client: RawClient) -> None:
    """A client must be able to tell what is cut from what is complete."""
    upstream.stream("half an ", HANG)
    ask(client, stream=True)
    response = client.response()
    received = response.read1()
    assert b"half an " in received
    [worker] = re.findall(r"Booting worker with pid: (\d+)", server.log)
    os.kill(int(worker), signal.SIGKILL)
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)) as cut:
        response.read()
    if isinstance(cut.value, http.client.IncompleteRead):
        assert b"[DONE]" not in received + cut.value.partial
    upstream.text("the next one answers")
    with RawClient(server.port) as other:
        ask(other, stream=False)
        assert other.response().status == 200
