"""Connections that mean no good: requests within requests, bodies without end, and a thousand that say nothing."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest

from ..support import QUESTION
from ..support import RawClient
from ..support import Server

pytestmark = pytest.mark.slow

AGENTS = """
def quick(messages):
    return "done"
"""
BODY = json.dumps(QUESTION).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked"
HIDDEN = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
CHUNKED_BODY = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
IDLE = 1000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    env = {"FLASK_AGENT_API_AGENTS": "agents_of_mine:quick"}
    folder = tmp_path_factory.mktemp("hostile")
    with Server(folder, {"agents_of_mine.py": AGENTS}, app="flask_agent_api.wsgi:app", env=env) as running:
        asked(running)
        yield running
        assert "Traceback" not in running.log


def asked(server: Server) -> float:
    """Seconds that an ordinary request takes."""
    began = time.monotonic()
    with RawClient(server.port) as client:
        client.post()
        assert client.response().status == 200
    return time.monotonic() - began


def answers(server: Server, sent: bytes) -> bytes:
    """All that comes back on a connection until the server ends it, or says no more."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=3) as sock:
        sock.sendall(sent)
        received = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while piece := sock.recv(65536):
                received += piece
    return received


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(
            HEAD + b"Content-Length: %d\r\n%b\r\n\r\n" % (len(CHUNKED_BODY), CHUNKED) + CHUNKED_BODY + HIDDEN,
            id="both lengths",
        ),
        pytest.param(HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED_BODY + HIDDEN, id="unknown coding"),
        pytest.param(HEAD + CHUNKED + b", identity\r\n\r\n" + CHUNKED_BODY + HIDDEN, id="chunked not last"),
        pytest.param(HEAD + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKED_BODY + HIDDEN, id="a space first"),
        pytest.param(
            HEAD + b"Content-Length: %d\r\nContent-Length: 0\r\n\r\n" % len(BODY) + BODY + HIDDEN, id="two lengths"
        ),
        pytest.param(HEAD + b"Content-Length: +%d\r\n\r\n" % len(BODY) + BODY + HIDDEN, id="a length with a sign"),
        pytest.param(HEAD + b"Content-Length: 0x%x\r\n\r\n" % len(BODY) + BODY + HIDDEN, id="a length in hex"),
        pytest.param(HEAD + b"X-A: b\x00c\r\nContent-Length: 0\r\n\r\n" + HIDDEN, id="a NUL in a header"),
        pytest.param(HEAD + b"X-A: b\r\n c: d\r\nContent-Length: 0\r\n\r\n" + HIDDEN, id="a folded header"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nx\r\n0\r\n\r\n" + HIDDEN, id="a negative chunk"),
        pytest.param(HEAD.replace(b"HTTP/1.1", b"HTTP/9.9") + b"\r\n" + HIDDEN, id="an unknown version"),
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read(server: Server, sent: bytes) -> None:
    received = answers(server, sent)
    assert received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501", b"HTTP/1.1 505")), received[:200]
    assert b'"object": "list"' not in received
    assert b'"object":"list"' not in received


@pytest.mark.parametrize("header", ["Transfer-Encoding: chunked", f"Content-Length: {2**40}"])
def test_a_body_without_end_is_cut_off_and_takes_no_memory(server: Server, header: str) -> None:
    before, sent = server.memory_mib, 0
    piece = b"x" * 2**20 if "Length" in header else b"100000\r\n" + b"x" * 2**20 + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=3) as sock:
        sock.sendall(HEAD + header.encode() + b"\r\n\r\n")
        with contextlib.suppress(OSError):  # reset, or nobody takes what it sends
            while sent < 1024:
                sock.sendall(piece)
                sent += 1
        received = sock.recv(65536)
    assert sent < 64, "the server went on reading"
    assert received.startswith(b"HTTP/1.1 413")
    assert server.memory_mib - before < 32
    asked(server)


def test_who_sends_all_of_a_body_that_is_too_large_can_read_why(server: Server) -> None:
    with RawClient(server.port) as client:
        client.post(model="x" * 10 * 2**20)
        response = client.response()
        assert response.status == 413
        assert json.loads(response.read())["error"]["code"] == "request_too_large"
        client.post()
        assert client.response().status == 200


def test_a_thousand_connections_that_say_nothing_hold_nobody_up(server: Server) -> None:
    """Half of them have begun a request and leave it at that."""
    with contextlib.ExitStack() as stack:
        for number in range(IDLE):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            if number % 2:
                sock.sendall(HEAD[:50])
        fastest = min(asked(server) for _ in range(5))
    assert fastest < 0.05
    asked(server)
