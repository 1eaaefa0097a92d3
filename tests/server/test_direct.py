"""Batches that go straight to the socket: whole, in order, and only where nobody else reads the body."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.testing import collect_sse

from ..support import RawClient
from ..support import Server
from ..waiting import wait_until

pytestmark = pytest.mark.slow

APP = """\
import hashlib, pathlib, time
from flask import Flask
from flask_agent_api import AgentAPI

app = Flask(__name__)
api = AgentAPI(app)

@api.agent("flood")
def flood(messages):
    try:
        while True:
            yield "x" * 100_000
    finally:
        pathlib.Path("flood-ended").write_text("yes")

@api.agent("large")
def large(messages):
    digest = hashlib.sha256()
    for at in range(400):
        text = f"{at:05d}" * 4_000
        digest.update(text.encode())
        yield text
        time.sleep(0.0005)
    yield digest.hexdigest()

@api.agent("brief")
def brief(messages):
    yield "x" * 100_000

@api.agent("chatty")
def chatty(messages):
    for at in range(12):
        time.sleep(0.05)
        yield f"{at} "
    time.sleep(0.5)
    yield "end"

class Loud:
    def __init__(self, app):
        self.app = app
    def __call__(self, environ, start_response):
        body = self.app(environ, start_response)
        try:
            for piece in body:
                yield piece.replace(b'"content":"', b'"content":"!')
        finally:
            body.close()

loud = Loud(app)

def curt(environ, start_response):
    body = app(environ, start_response)
    first = next(iter(body))
    body.close()
    yield b"%d bytes, " % len(first)
    time.sleep(0.1)
    yield b"and no more"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    env = {"FLASK_AGENT_API_WRITE_TIMEOUT": "1", "FLASK_AGENT_API_KEEP_ALIVE": "0.2"}
    with Server(tmp_path_factory.mktemp("direct"), {"app.py": APP}, env=env) as server:
        yield server


def test_client_that_stops_reading_is_cut_off_and_memory_stays_flat(server: Server) -> None:
    with RawClient(server.port) as client:
        client.post(stream=True, model="brief")
        client.response().read()
        before = server.memory_mib
        client.post(stream=True, model="flood")
        client.response()
        ended = server.folder / "flood-ended"
        seconds = wait_until(ended.exists, 10)
        assert 0.8 < seconds < 4
        assert server.memory_mib - before < 30


def test_slow_client_gets_every_byte_in_order(server: Server) -> None:
    with RawClient(server.port, timeout=20) as client:
        client.post(stream=True, model="large")
        response = client.response()
        body = b""
        while piece := response.read1(65_536):
            body += piece
            time.sleep(0.001)
    stream = collect_sse(body)
    text, digest = stream.text[:-64], stream.text[-64:]
    assert hashlib.sha256(text.encode()).hexdigest() == digest
    assert stream.finish_reason == "stop"


def test_client_that_is_slow_is_not_stuck(server: Server) -> None:
    """The kernel lets a write wait until a good part of its buffer is free, here for longer than the write timeout."""
    with RawClient(server.port) as client:
        client.post(stream=True, model="large")
        response = client.response()
        body = b""
        for _ in range(60):
            body += response.read1(32_768)
            time.sleep(0.08)
        body += response.read()
    assert collect_sse(body).finish_reason == "stop"


def test_comments_come_in_silence_only(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    body = json.dumps({"model": "chatty", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    received = connection.getresponse().read()
    connection.close()
    talk, _, silence = received.partition(b'"11 "')
    assert b": keep-alive" not in talk
    assert silence.count(b": keep-alive") == 2
    assert collect_sse(received).text.endswith("11 end")


def test_middleware_that_reads_the_body_gets_all_of_it(tmp_path: Path) -> None:
    with (
        Server(tmp_path, {"app.py": APP}, app="app:loud") as server,
        RawClient(server.port) as c,
    ):
        c.post(stream=True, model="chatty")
        text = collect_sse(c.response().read()).text
    assert text.startswith("!!0 !1 !2 ")
    assert text.count("!") == 14, "the role chunk, twelve words and the end"


def test_middleware_may_answer_something_else(tmp_path: Path) -> None:
    with Server(tmp_path, {"app.py": APP}, app="app:curt") as server, RawClient(server.port) as client:
        for _ in range(2):
            client.post(stream=True, model="chatty")
            assert client.response().read().endswith(b" bytes, and no more")
