"""Clients that close their sending side behind the request, and read on, where the operator lets them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.support import chunks
from tests.support import RawClient
from tests.support import Server
from tests.support import text_of
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

AGENTS = """
import time
from pathlib import Path


def paced(messages):
    for word in ("one ", "two ", "three"):
        time.sleep(0.05)
        yield word


def waits(messages):
    Path("begun").touch()
    try:
        time.sleep(30)
    finally:
        Path("ended").touch()


both = [paced, waits]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    env = {
        "FLASK_AGENT_API_AGENTS": "agents_of_mine:both",
        "FLASK_AGENT_API_HALF_CLOSE": "1",
        "FLASK_AGENT_API_KEEP_ALIVE": "0.2",
    }
    files = {"agents_of_mine.py": AGENTS}
    with Server(tmp_path_factory.mktemp("half"), files, app="flask_agent_api.wsgi:app", env=env) as running:
        yield running


@pytest.mark.parametrize("stream", [True, False])
def test_the_answer_comes_to_its_end(server: Server, stream: bool) -> None:
    with RawClient(server.port) as client:
        client.post(stream, model="paced")
        client.sock.shutdown(socket.SHUT_WR)
        body = client.response().read()
    text = text_of(chunks(body)) if stream else json.loads(body)["choices"][0]["message"]["content"]
    assert text == "one two three"


def test_who_goes_away_is_noticed_by_a_keep_alive(server: Server) -> None:
    begun, ended = server.folder / "begun", server.folder / "ended"
    with RawClient(server.port) as client:
        client.post(stream=True, model="waits")
        wait_until(begun.exists)
    wait_until(ended.exists, 10.0)
