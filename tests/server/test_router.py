"""Behind a router that wants a first byte within 30 s and then one every 55 s, as Heroku's; here 60 times as fast."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator

import pytest

from flask_agent_api.concurrency import spawn
from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import gate

from ..support import RawClient
from ..support import Server

pytestmark = pytest.mark.slow

FIRST_BYTE, IDLE = 0.5, 0.9
KEEP_ALIVE, STATUS_WAIT, JSON_TIMEOUT = 0.25, 0.04, 0.4
SILENCE = 1.1
"""Seconds: longer than the router waits for anything."""

TOOLS = f"""
import time
from flask_agent_api import tool

@tool
def sleeper() -> str:
    time.sleep({SILENCE})
    return "slept"
"""


class Router:
    """Passes bytes on, for one connection after the other, and hangs up on a backend that is silent for too long."""

    def __init__(self, backend: int) -> None:
        self._backend = backend
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        spawn(self._serve)

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            spawn(self._pass_on, client)

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._backend)) as backend:
            backend.sendall(client.recv(65_536))
            backend.settimeout(FIRST_BYTE)
            try:
                while data := backend.recv(65_536):
                    backend.settimeout(IDLE)
                    client.sendall(data)
            except TimeoutError:
                client.sendall(b"HTTP/1.1 503 H12\r\nContent-Length: 0\r\n\r\n")
            except OSError:
                return


@pytest.fixture(autouse=True)
def _fresh(upstream: FakeUpstream) -> None:
    upstream.reset()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    agent = {"model": "m", "description": "x", "instruction": "x"}
    agents = {"root": agent | {"toolsets": [{"type": "python", "tools": ["slow_tools:sleeper"]}]}}
    model = {"provider": "openai", "model": "gpt", "base_url": upstream.url}
    files = {"team.yaml": json.dumps({"agents": agents, "models": {"m": model}}), "slow_tools.py": TOOLS}
    env = {
        "OPENAI_API_KEY": "x",
        "FLASK_AGENT_API_AGENTS": "team.yaml",
        "FLASK_AGENT_API_KEEP_ALIVE": str(KEEP_ALIVE),
        "FLASK_AGENT_API_STATUS_WAIT": str(STATUS_WAIT),
        "FLASK_AGENT_API_JSON_TIMEOUT": str(JSON_TIMEOUT),
    }
    with Server(tmp_path_factory.mktemp("router"), files, app="flask_agent_api.wsgi:app", env=env) as running:
        with RawClient(running.port) as client:
            client.send("GET", "/v1/models")
            assert client.response().status == 200
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[RawClient]:
    router = Router(server.port)
    with RawClient(router.port) as connected:
        yield connected
    router.close()


def test_stream_whose_model_is_silent_passes(upstream: FakeUpstream, client: RawClient) -> None:
    """Before the first word, and between words."""
    upstream.stream(gate("first"), "half ", gate("rest"), "done")
    began = time.monotonic()
    client.post(stream=True)
    response = client.response()
    assert time.monotonic() - began < FIRST_BYTE
    time.sleep(SILENCE)
    upstream.open_gate("first")
    received = response.read1()
    while b'"half "' not in received:
        received += response.read1()
    time.sleep(SILENCE)
    upstream.open_gate("rest")
    answer = collect_sse(received + response.read())
    assert (answer.text, answer.finish_reason) == ("half done", "stop")
    assert len(answer.comments) >= 2 * int(SILENCE / KEEP_ALIVE) - 2


def test_stream_whose_tool_is_silent_passes(upstream: FakeUpstream, client: RawClient) -> None:
    upstream.tool_call("sleeper", {})
    upstream.text("done")
    client.post(stream=True)
    answer = collect_sse(client.response().read())
    assert (answer.text, answer.finish_reason) == ("done", "stop")
    assert len(answer.comments) >= int(SILENCE / KEEP_ALIVE) - 1


def test_whole_answer_is_told_to_stream_before_the_router_gives_up(upstream: FakeUpstream, client: RawClient) -> None:
    upstream.reply(gate("never"))
    client.post()
    response = client.response()
    assert (response.status, json.loads(response.read())["error"]["code"]) == (504, "use_stream")
    upstream.wait(aborted=1)


def test_router_is_as_strict_as_it_should_be(upstream: FakeUpstream) -> None:
    """A backend that says nothing is given up."""
    router = Router(upstream.port)
    upstream.reply(gate("never"))
    with RawClient(router.port) as client:
        client.post()
        assert client.response().status == 503
    upstream.stream("a", gate("never"))
    with RawClient(router.port) as client:
        client.post()
        with pytest.raises(http.client.HTTPException):
            client.response().read()
    router.close()
