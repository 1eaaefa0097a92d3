"""The same app under every server that it is made for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest

import wsgi
from tests.support import chunks
from tests.support import QUESTION
from tests.support import RawClient
from tests.support import Server
from tests.support import text_of

pytestmark = pytest.mark.slow

AGENTS = '''
import os
import time


def paced(messages):
    """Says who it is, slowly."""
    for part in ("I am ", str(os.getpid())):
        time.sleep(0.05)
        yield part


async def awaited(messages):
    return "awaited"


both = [paced, awaited]
'''

FILES = {"agents_of_mine.py": AGENTS, "wsgi.py": Path(wsgi.__file__).read_text()}
ENV = {"FLASK_AGENT_API_AGENTS": "agents_of_mine:both"}
SERVERS = {
    "gevent": ("gevent", []),
    "gevent 2 workers preload": ("gevent", ["-w", "2", "--preload"]),
    "gthread": ("gthread", []),
    "flask run": ("flask", []),
    "waitress": ("waitress", []),
}
SLOW = {"gevent 2 workers preload", "gthread"}


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in SERVERS]
)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    kind, options = SERVERS[request.param]
    if kind == "waitress":
        pytest.importorskip("waitress")
    folder = tmp_path_factory.mktemp("server")
    with Server(folder, FILES, *options, kind=kind, app="wsgi:app", env=ENV) as running:
        yield running


@pytest.fixture
def client(server: Server, sdk: openai.OpenAI) -> openai.OpenAI:
    return sdk.with_options(base_url=server.url)


def test_lists_completes_and_streams(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["paced", "awaited"]
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "x"}]
    answer = client.chat.completions.create(model="paced", messages=messages)
    assert re.fullmatch(r"I am \d+", answer.choices[0].message.content or "")
    stream = client.chat.completions.create(model="paced", messages=messages, stream=True)
    assert re.fullmatch(r"I am \d+", text_of(stream))
    answer = client.chat.completions.create(model="awaited", messages=messages)
    assert answer.choices[0].message.content == "awaited"


def test_chunks_leave_one_by_one(server: Server) -> None:
    with RawClient(server.port) as client:
        client.post(stream=True, model="paced")
        received = [client.sock.recv(65536)]
        while b"[DONE]" not in received[-1]:
            received.append(client.sock.recv(65536))
    assert len([part for part in received if b'"content":' in part]) >= 2


def test_requests_run_at_the_same_time(server: Server) -> None:
    def ask(_: int) -> str:
        with RawClient(server.port) as client:
            client.post(stream=True, model="paced")
            return text_of(chunks(client.response().read()))

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(16)))
    assert all(re.fullmatch(r"I am \d+", answer) for answer in answers)


def test_body_in_chunks(server: Server) -> None:
    body = json.dumps({**QUESTION, "model": "awaited"}).encode()
    with RawClient(server.port) as client:
        headers = ["Transfer-Encoding: chunked", "Connection: close"]
        client.send("POST", "/v1/chat/completions", *headers, body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        assert json.loads(client.response().read())["choices"][0]["message"]["content"] == "awaited"


def test_start_line_says_what_is_missing_without_gevent(server: Server, request: pytest.FixtureRequest) -> None:
    with RawClient(server.port) as client:
        client.send("GET", "/v1/models")
        assert client.response().status == 200
    missing = "Not running under gevent"
    assert server.log.count(missing) == (0 if "-k gevent" in command(server) else 1)


def test_nothing_else_is_complained_about(server: Server) -> None:
    """After all of the above: no traceback, no warning of gevent's about late patching."""
    assert not re.search(r"Traceback|MonkeyPatchWarning|RuntimeWarning|\[ERROR\]", server.log), server.log


def command(server: Server) -> str:
    return " ".join(map(str, server._process.args))  # type: ignore[arg-type]
