"""Connections that share greenlets, in a gunicorn with the project's own settings."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import RawClient
from tests.support import Server
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.needs_gevent("only greenlets are shared")]

CONF = Path(__file__).parents[2] / "gunicorn.conf.py"
APP = """
import contextvars
import pathlib
import threading
import time

from flask_agent_api import create_app

app = create_app()
seen = contextvars.ContextVar("seen", default=0)
kept = threading.local()


@app.get("/greenlet")
def greenlet():
    seen.set(seen.get() + 1)
    kept.count = getattr(kept, "count", 0) + 1
    return {"of its connection": seen.get(), "of its greenlet": kept.count}


@app.get("/held")
def held():
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
    return {}


@app.get("/fails")
def fails():
    raise SystemExit(3)
"""


def serve(folder: Path, *options: str) -> Server:
    return Server(folder, {"app.py": APP, "gunicorn.conf.py": CONF.read_text()}, "--graceful-timeout", "1", *options)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serve(tmp_path, "--worker-connections", "3") as server:
        yield server


def ask(server: Server) -> dict[str, int]:
    """One request on a connection of its own."""
    with RawClient(server.port) as client:
        client.send("GET", "/greenlet")
        response = client.response()
        return json.loads(response.read()) if response.status == 200 else {}  # type: ignore[no-any-return]


def test_a_greenlet_serves_one_connection_after_the_other_with_fresh_context_variables(server: Server) -> None:
    answers = [ask(server) for _ in range(10)]
    assert [answer["of its connection"] for answer in answers] == [1] * 10
    assert max(answer["of its greenlet"] for answer in answers) > 5


def test_what_fails_or_is_cut_off_does_not_take_room_for_ever(server: Server) -> None:
    for _ in range(2):
        with RawClient(server.port) as client:
            client.send("GET", "/fails")
            assert client.sock.recv(1) == b""
        with RawClient(server.port) as client:
            client.sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Le")
    assert "of its greenlet" in ask(server)


def test_connections_beyond_the_limit_wait_for_their_turn(server: Server) -> None:
    clients = [RawClient(server.port) for _ in range(3)]
    for client in clients:
        client.send("GET", "/held")
    time.sleep(0.5)
    answers: list[dict[str, int]] = []
    asking = threading.Thread(target=lambda: answers.append(ask(server)))
    asking.start()
    time.sleep(0.5)
    assert answers == []
    (server.folder / "go").touch()
    for client in clients:
        assert client.response().status == 200
        client.sock.close()
    asking.join(10)
    assert len(answers) == 1


def test_gunicorn_ends_what_does_not_end_in_its_graceful_time(tmp_path: Path) -> None:
    """In a worker that ends by itself; the one that gets a signal is killed by its master at the same time."""
    with serve(tmp_path, "--max-requests", "1") as server, RawClient(server.port) as client:
        client.send("GET", "/held")
        assert client.sock.recv(1) == b""
        wait_until(lambda: "Worker exiting" in server.log)
        assert "Worker graceful timeout" in server.log
        assert "of its greenlet" in ask(server), "a new worker serves"
