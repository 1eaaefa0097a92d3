"""Request bodies that come slowly, in part, or not at all."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest

from flask_agent_api.concurrency import spawn

from ..support import QUESTION
from ..support import RawClient
from ..support import Server

pytestmark = [pytest.mark.wire, pytest.mark.slow]

AGENTS = """
from pathlib import Path


def quick(messages):
    Path("ran").touch()
    return "done"
"""
CHAT = "/v1/chat/completions"
BODY = json.dumps(QUESTION).encode()
JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
LIMIT = 0.25


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    env = {"FLASK_AGENT_API_AGENTS": "agents_of_mine:quick", "FLASK_AGENT_API_BODY_TIMEOUT": str(LIMIT)}
    folder = tmp_path_factory.mktemp("bodies")
    files = {"agents_of_mine.py": AGENTS}
    with Server(folder, files, "--keep-alive", "5", app="flask_agent_api.wsgi:app", env=env) as running:
        with RawClient(running.port) as client:  # its start is nobody's time
            client.send("GET", "/v1/models")
            assert client.response().status == 200
        yield running
        assert "Traceback" not in running.log


@pytest.fixture
def client(server: Server) -> Iterator[RawClient]:
    (server.folder / "ran").unlink(missing_ok=True)
    with RawClient(server.port) as connected:
        yield connected


def envelope(client: RawClient) -> tuple[int, str]:
    response = client.response()
    return response.status, json.loads(response.read())["error"]["code"]


def drip(client: RawClient, piece: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            client.sock.sendall(piece)
            time.sleep(0.02)


@pytest.mark.needs_gevent(reason="reading a body cannot be interrupted")
@pytest.mark.parametrize(
    ("goes_on", "header"),
    [
        pytest.param(False, "Content-Length: 1000000", id="length-stops"),
        pytest.param(True, CHUNKED, id="chunked-drips"),
        pytest.param(False, CHUNKED, id="chunked-stops", marks=pytest.mark.slow),
        pytest.param(True, "Content-Length: 1000000", id="length-drips", marks=pytest.mark.slow),
    ],
)
def test_slow_body_is_408_and_the_connection_is_closed(
    server: Server, client: RawClient, header: str, goes_on: bool
) -> None:
    piece = b"1\r\n \r\n" if header == CHUNKED else b" "
    client.send("POST", CHAT, JSON, header, body=piece)
    if goes_on:
        spawn(drip, client, piece)
    start = time.monotonic()
    assert envelope(client) == (408, "request_timeout")
    assert LIMIT - 0.1 < time.monotonic() - start < LIMIT + 1
    with contextlib.suppress(ConnectionResetError):
        assert client.sock.recv(1) == b""
    assert time.monotonic() - start < LIMIT + 1, "keep-alive would end it at last"
    assert not (server.folder / "ran").exists()


def test_body_in_pieces_that_is_complete_in_time_is_served(client: RawClient) -> None:
    client.send("POST", CHAT, JSON, f"Content-Length: {len(BODY)}", body=BODY[:9])
    time.sleep(LIMIT / 4)
    client.sock.sendall(BODY[9:])
    assert client.response().status == 200


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (f"Content-Length: {len(BODY) + 5}", BODY),
        (CHUNKED, b"%x\r\n%b\r\n" % (len(BODY), BODY)),
        (CHUNKED, b"%x\r\n%b" % (len(BODY), BODY)),
        (CHUNKED, b"%x\r\n%b\r\n0\r\n" % (len(BODY), BODY)),
        (CHUNKED, b"zz\r\n"),
    ],
    ids=["short", "no last chunk", "cut in a chunk", "cut behind the last chunk", "malformed"],
)
def test_body_that_is_cut_off_is_never_parsed(server: Server, client: RawClient, header: str, body: bytes) -> None:
    client.send("POST", CHAT, JSON, header, body=body)
    client.sock.shutdown(socket.SHUT_WR)
    assert envelope(client) == (400, "incomplete_body")
    assert client.sock.recv(1) == b""
    assert not (server.folder / "ran").exists()


def test_client_that_leaves_while_it_sends_disturbs_nobody(server: Server) -> None:
    for count in range(20):
        with RawClient(server.port) as client:
            client.send("POST", CHAT, JSON, f"Content-Length: {len(BODY)}", body=BODY[: count + 1])
            client.reset()
    with RawClient(server.port) as client:
        client.post()
        assert client.response().status == 200
