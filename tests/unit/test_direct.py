"""When pieces of a stream go straight to the client's socket."""

from __future__ import annotations

import socket
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from flask_agent_api.web.client import ClientWatcher
from flask_agent_api.web.direct import DirectWriter
from flask_agent_api.web.direct import stands_in


@dataclass
class Connection:
    """A client, and the watcher that gunicorn's side of the connection has."""

    client: socket.socket
    watcher: ClientWatcher


@pytest.fixture
def connection() -> Iterator[Connection]:
    server, client = socket.socketpair()
    client.settimeout(5)
    with server, client:
        watcher = ClientWatcher({"gunicorn.socket": server}, "run", client.close, 60.0)
        yield Connection(client, watcher)
        watcher.close()


class OtherServer:
    """Whose ``start_response`` is a method as well."""

    chunked = True

    def start_response(self, status: str, headers: list[tuple[str, str]]) -> Callable[[bytes], object]:
        raise NotImplementedError


def test_what_the_server_writes_is_held_and_goes_out_in_one(connection: Connection) -> None:
    writer = DirectWriter(connection.watcher)
    writer.sendall(b"head, ")
    writer.sendall(b"first piece")
    assert writer.has_rest
    writer.flush()
    assert connection.client.recv(100) == b"head, first piece"
    assert writer.write("direct")
    assert connection.client.recv(100) == b"6\r\ndirect\r\n"
    writer.sendall(b"last piece, ")
    writer.holds = False
    writer.sendall(b"end")
    assert connection.client.recv(100) == b"last piece, end"
    assert not writer.has_rest


def test_a_piece_that_is_too_large_for_the_kernel_is_left_over(connection: Connection) -> None:
    writer, large = DirectWriter(connection.watcher), "x" * 5_000_000
    assert not writer.write(large)
    assert writer.has_rest


def test_no_other_server_is_stood_in_for(connection: Connection) -> None:
    watcher = connection.watcher
    assert stands_in(OtherServer().start_response, watcher) is None
    assert stands_in(print, watcher) is None
