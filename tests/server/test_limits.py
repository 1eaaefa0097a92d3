"""How many runs a worker has at a time, and how long one without a stream may take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_agent_api.testing import collect_sse

from ..support import RawClient
from ..support import Server
from ..waiting import wait_until

pytestmark = [pytest.mark.wire, pytest.mark.slow]

AGENTS = """
import time
from pathlib import Path


def note(what):
    with Path("notes").open("a") as file:
        file.write(what + "\\n")


def waits(messages):
    note("started")
    try:
        yield "begun"
        time.sleep(60)
    finally:
        note("ended")


def quick(messages):
    return "done"


def breaks(messages):
    raise ValueError("no")


def slow(messages):
    time.sleep(0.35)
    return "done at last"


all_of_them = [quick, waits, breaks, slow]
"""
CHAT = "/v1/chat/completions"
PLACES = 3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    env = {
        "FLASK_AGENT_API_AGENTS": "agents_of_mine:all_of_them",
        "FLASK_AGENT_API_MAX_STREAMS": str(PLACES),
        "FLASK_AGENT_API_JSON_TIMEOUT": "0.25",
    }
    folder = tmp_path_factory.mktemp("limits")
    with Server(folder, {"agents_of_mine.py": AGENTS}, app="flask_agent_api.wsgi:app", env=env) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[RawClient]:
    with RawClient(server.port) as connected:
        yield connected


@pytest.fixture
def notes(server: Server) -> Path:
    path = server.folder / "notes"
    path.write_text("")
    return path


def answer(client: RawClient) -> tuple[int, str]:
    """Status, and the text or the error's code."""
    response = client.response()
    body = json.loads(response.read())
    return response.status, body["error"]["code"] if "error" in body else body["choices"][0]["message"]["content"]


@pytest.mark.needs_gevent(reason="a client that goes in silence is not noticed")
def test_one_run_too_many_is_refused_before_its_body_is_read(server: Server, client: RawClient, notes: Path) -> None:
    with ExitStack() as stack:
        for _ in range(PLACES):
            stack.enter_context(RawClient(server.port)).post(stream=True, model="waits")
        wait_until(lambda: notes.read_text().count("started") == PLACES)
        client.send("POST", CHAT, "Content-Length: 100", "Content-Type: application/json")
        response = client.response()
        body = json.loads(response.read())
        assert (response.status, response.getheader("Retry-After")) == (503, "1")
        assert (body["error"]["code"], body["error"]["type"]) == ("too_many_streams", "server_error")
        with RawClient(server.port) as other:
            other.send("GET", "/v1/models")
            assert other.response().status == 200
    wait_until(lambda: notes.read_text().count("ended") == PLACES)
    with RawClient(server.port) as other:
        other.post(model="quick")
        assert answer(other) == (200, "done")


def test_every_way_to_end_makes_room(client: RawClient) -> None:
    for _ in range(PLACES + 1):
        for fields in ({"model": "quick"}, {"model": "breaks"}, {"messages": 1}, {"model": "quick", "stream": True}):
            client.post(**fields)
            response = client.response()
            response.read()
            assert response.status in (200, 400, 500), fields


def test_body_that_is_still_on_its_way_has_a_place(server: Server, client: RawClient) -> None:
    with ExitStack() as stack:
        half: list[RawClient] = []

        def is_full_with_one_more() -> bool:
            half.append(stack.enter_context(RawClient(server.port)))
            half[-1].send("POST", CHAT, "Content-Length: 9", "Content-Type: application/json", body=b"{")
            client.post(model="quick")
            return answer(client)[0] == 503

        wait_until(is_full_with_one_more)
        for each in half:
            each.sock.sendall(b"       }")
        assert sorted(answer(each)[0] for each in half)[:PLACES] == [400] * PLACES
        client.post(model="quick")
        assert answer(client) == (200, "done")


@pytest.mark.needs_gevent(reason="a thread that waits cannot be interrupted")
def test_run_without_a_stream_that_takes_long_is_told_to_stream(client: RawClient, notes: Path) -> None:
    """The second of three requests on one connection."""
    client.post(model="quick")
    assert answer(client) == (200, "done")
    client.post(model="waits")
    response = client.response()
    error = json.loads(response.read())["error"]
    assert (response.status, error["code"]) == (504, "use_stream")
    assert "stream: true" in error["message"]
    assert response.getheader("X-Should-Retry") == "false"
    wait_until(lambda: "ended" in notes.read_text())
    wait_until(lambda: "end=use_stream" in Path(notes.parent / "server.log").read_text())
    client.post(stream=True, model="slow")
    assert collect_sse(client.response().read()).text == "done at last"
