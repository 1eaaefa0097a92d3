"""Nothing that is done for a request keeps a worker from serving the others for long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_agent_api.testing import FakeUpstream
from tests.support import RawClient
from tests.support import Server

pytestmark = pytest.mark.slow

MOST = 0.05
"""Seconds of computing without a look at anybody else: of CPU time, which other programs do not lengthen."""

APP = """
import time

import gevent

from flask_agent_api.wsgi import app

longest = 0.0


def watch():
    global longest
    while True:
        begun = time.thread_time()
        gevent.sleep(0.001)
        longest = max(longest, time.thread_time() - begun)


@app.get("/gap")
def gap():
    global longest
    told, longest = longest, 0.0
    return str(told)


@app.get("/start")
def start():
    gevent.spawn(watch)
    return "0"
"""
TEAM = """
agents:
  root: {model: up, description: Answers, instruction: Answer., toolsets: [{type: think}]}
models:
  up: {provider: openai, model: gpt, base_url: "URL"}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    env = {"FLASK_AGENT_API_AGENTS": "team.yaml", "OPENAI_API_KEY": "k", "FLASK_AGENT_API_STORE": "sqlite:///c.sqlite3"}
    files = {"app.py": APP, "team.yaml": TEAM.replace("URL", upstream.url)}
    with Server(tmp_path_factory.mktemp("gap"), files, kind="gevent", env=env) as running:
        words(upstream, 1)
        ask(running)  # what is made once per process is made
        get(running, "/start")
        yield running


def get(server: Server, path: str) -> float:
    with RawClient(server.port) as client:
        client.send("GET", path)
        return float(client.response().read())


def ask(server: Server, *headers: str, **fields: object) -> int:
    body = {"messages": [{"role": "user", "content": "hi"}], "stream": True, **fields}
    with RawClient(server.port, timeout=30) as client:
        client.send("POST", "/v1/chat/completions", *headers, body=json.dumps(body).encode())
        response = client.response()
        response.read()
        return response.status


def words(upstream: FakeUpstream, times: int) -> None:
    for _ in range(times):
        upstream.stream(*["word "] * 500)


def test_many_streams(server: Server, upstream: FakeUpstream) -> None:
    words(upstream, 50)
    with ThreadPoolExecutor(25) as pool:
        assert set(pool.map(lambda number: ask(server, f"X-Conversation-Id: c{number}"), range(50))) == {200}
    assert get(server, "/gap") < MOST


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": "x" * 3_900_000}]},
        {"messages": [{"role": "user", "content": "word " * 30}] * 2000},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}] * 100}] * 50},
        {"tools": [{"type": "function", "function": {"name": f"f{n}", "parameters": {}}} for n in range(128)]},
        {"messages": [{"role": "user", "content": "hi"}] * 20_000},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["a"] * 9000}}}},
    ],
    ids=["one long message", "many messages", "many parts", "many tools", "too many messages", "a long schema"],
)
def test_large_requests(server: Server, upstream: FakeUpstream, fields: dict[str, object]) -> None:
    words(upstream, 1)
    ask(server, **fields)
    upstream.reset()
    assert get(server, "/gap") < MOST
