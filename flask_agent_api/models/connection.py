"""HTTP/1.1 connections: one response after the other on a socket, and the pool that keeps idle ones."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections import deque
from typing import Any

import httptools

from ..concurrency import every
from ..concurrency import Receiver
from ..concurrency import send_all
from ..per_process import PerProcess
from .route import Route
from .route import TransportError
from .route import TransportTimeout

MAX_HEAD_BYTES = 64 * 1024
"""Headers beyond this are refused."""

READ_BYTES = 64 * 1024
"""What one read takes at the most."""

IDLE_SECONDS = 30.0
"""How long an idle connection is kept: shorter than common servers keep theirs."""

IDLE_PER_ROUTE = 256
"""Idle connections kept for each route, for the next wave of requests; the oldest is closed first."""

_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError)


class Message:
    """What the parser tells of one response; body bytes gather in ``parts``."""

    __slots__ = ("complete", "headers", "informational", "keep_alive", "on_body", "parser", "parts", "status")

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.on_body = self.parts.append
        self.status = 0
        self.informational = False
        self.complete = False
        self.keep_alive = False
        self.parser: Any = httptools.HttpResponseParser(self)  # last: it looks the callbacks up now

    def on_message_begin(self) -> None:
        if self.complete:
            raise ValueError("bytes after the response")
        self.informational = False

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.lower().decode("latin-1"), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        self.informational = 100 <= status < 200
        if self.informational:
            self.headers.clear()
        else:
            self.status = status

    def on_message_complete(self) -> None:
        if not self.informational:
            self.complete = True
            self.keep_alive = self.parser.should_keep_alive()

    def take_body(self) -> bytes:
        """What has come of the body since the last time."""
        body = b"".join(self.parts)
        self.parts.clear()
        return body

    def drop_parser(self) -> None:
        """The parser holds on to this object: without it both are freed at once."""
        self.parser = None

    @property
    def framed(self) -> bool:
        """Whether the response says itself where it ends, so that a closed connection is no end."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers


class Connection:
    """A socket and the response that is read from it."""

    __slots__ = ("idle_since", "message", "route", "sock")

    def __init__(self, route: Route, sock: socket.socket) -> None:
        self.route = route
        self.sock = sock
        self.message = Message()
        self.idle_since = 0.0

    def feed(self, data: bytes) -> None:
        """Parses what a read gave."""
        try:
            self.message.parser.feed_data(data)
        except httptools.HttpParserError as exc:
            self.failed(exc)

    def failed(self, error: Exception) -> None:
        """What was read is no HTTP: an error, unless the response had ended before."""
        if not self.message.complete:
            raise TransportError("The model's provider did not answer in valid HTTP", "protocol") from error
        self.message.keep_alive = False

    def send(self, request: bytes) -> None:
        """A peer that no longer reads may have said why, so that is for the reader to find out."""
        try:
            send_all(self.sock, request)
        except TimeoutError as exc:
            raise TransportTimeout("The model's provider did not take the request in time", "first_byte") from exc
        except OSError:
            pass

    def read_head(self, receiver: Receiver) -> bool:
        """Reads up to the end of the headers; false if the connection ended before the first byte."""
        size = 0
        while not self.message.status:
            try:
                data = receiver.recv(READ_BYTES)
            except TimeoutError as exc:
                raise TransportTimeout("The model did not begin to answer in time", "first_byte") from exc
            except OSError:
                data = b""
            if not data and not size:
                return False
            if not data:
                raise TransportError("The model's provider cut its answer short", "first_byte")
            size += len(data)
            self.feed(data)
            if size > MAX_HEAD_BYTES and not self.message.status:
                raise TransportError("The model's provider sent too large headers", "protocol")
        return True

    def usable(self) -> bool:
        """Whether an idle connection can carry another request; takes up what is left of the last response."""
        if time.monotonic() - self.idle_since > IDLE_SECONDS:
            return False
        try:
            while data := self.sock.recv(READ_BYTES):
                if self.message.complete:
                    return False
                self.feed(data)
        except _WOULD_BLOCK:
            return self.message.complete and self.message.keep_alive
        except (OSError, TransportError):
            return False
        return False

    def release(self, *, settle: bool) -> None:
        """Gives the connection back if its response is complete (``settle``: or is about to be), or closes it."""
        message = self.message
        if message.keep_alive if message.complete else settle and message.framed:
            pool.get().put(self)
        else:
            self.close()

    def close(self) -> None:
        """Closes the socket at once, whatever is still to come."""
        self.message.drop_parser()
        self.sock.close()


class Pool:
    """Idle connections of this process; the one used last is the first to be used again."""

    def __init__(self) -> None:
        self._idle: dict[Route, deque[Connection]] = {}
        self._swept = time.monotonic()

    def take(self, route: Route) -> Connection | None:
        """A connection that is still alive, if there is one."""
        idle = self._idle.get(route)
        while idle:
            try:
                connection = idle.pop()
            except IndexError:  # another thread was faster
                break
            if connection.usable():
                connection.message.drop_parser()
                connection.message = Message()
                return connection
            connection.close()
        return None

    def put(self, connection: Connection) -> None:
        """Keeps a connection for the next request on its route."""
        now = connection.idle_since = time.monotonic()
        connection.sock.settimeout(0)
        idle = self._idle.setdefault(connection.route, deque())
        idle.append(connection)
        if len(idle) > IDLE_PER_ROUTE:
            idle.popleft().close()
        if now - self._swept > IDLE_SECONDS:
            self.sweep()

    def sweep(self) -> None:
        """Closes what has been idle for too long."""
        now = self._swept = time.monotonic()
        for idle in list(self._idle.values()):
            with contextlib.suppress(IndexError):  # none is left, or another thread was faster
                while now - idle[0].idle_since > IDLE_SECONDS:
                    idle.popleft().close()


def new_pool() -> Pool:
    """A pool that is swept also when nothing is put into it; in threads it is not."""
    made = Pool()
    every(IDLE_SECONDS / 2, made.sweep)
    return made


pool = PerProcess(new_pool)
"""The pool of this process."""
