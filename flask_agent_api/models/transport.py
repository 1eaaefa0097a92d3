"""HTTP/1.1 for streamed POSTs: what a model call needs, and nothing that costs time for each chunk.

It sits on the standard library's sockets, so under gevent a wait is a switch to other greenlets. Redirects are not
followed and compressed bodies are refused: neither belongs in front of a model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from types import TracebackType

import httptools

from ..concurrency import Receiver
from .config import Limits
from .connection import Connection
from .connection import pool
from .connection import READ_BYTES
from .route import connect
from .route import Target
from .route import TransportError
from .route import TransportTimeout

_GRACE = 1.0
"""Seconds after the deadline until a call that still talks is ended: the run that makes it is to end first."""


def post(target: Target, head: bytes, body: bytes, limits: Limits, deadline: float) -> Response:
    """Sends a request and waits for the headers of its response.

    ``head`` is what :meth:`Target.head` gave, ``deadline`` is on the monotonic clock. A reused connection that turns
    out to be dead is replaced once. Raises :class:`TransportError`.
    """
    request = b"%b%d\r\n\r\n%b" % (head, len(body), body)
    if (idle := pool.get().take(target.route)) and (response := _ask(idle, request, limits, deadline)):
        return response
    left = deadline - time.monotonic()
    if left <= 0:
        raise TransportTimeout("The run's time was over before the model had answered", "total")
    connection = Connection(target.route, connect(target.route, min(limits.connect, left)))
    if response := _ask(connection, request, limits, deadline):
        return response
    raise TransportError("The model's provider closed the connection without an answer", "first_byte")


def _ask(connection: Connection, request: bytes, limits: Limits, deadline: float) -> Response | None:
    """The response; without one the connection is closed, also when the task is cancelled."""
    receiver = response = None
    try:
        seconds = min(limits.first_byte, max(deadline - time.monotonic(), 0.01))
        connection.sock.settimeout(seconds)
        connection.send(request)
        receiver = Receiver(connection.sock, seconds, time.monotonic() + seconds)
        if connection.read_head(receiver):
            response = Response(connection, receiver, limits, deadline)
        return response
    finally:
        if response is None:
            connection.close()
            if receiver is not None:
                receiver.close()


class Response:
    """A response whose body is still to be read. Read or pump it once; leave its ``with`` block to give it up."""

    def __init__(self, connection: Connection, receiver: Receiver, limits: Limits, deadline: float) -> None:
        self._connection: Connection | None = connection
        self._receiver = receiver
        self._message = message = connection.message
        self._limits = limits
        self._deadline = deadline
        self.status = message.status
        """The status code."""
        self.headers = message.headers
        """The headers by lower-case name; repeated ones are joined by commas."""

    def __enter__(self) -> Response:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the call: a body that was read to its end gives the connection back, any other one closes it."""
        self._release(settle=False)

    def done(self) -> None:
        """Ends the call when the content is complete, though the body's last bytes may still be on the way."""
        self._release(settle=True)

    def _release(self, *, settle: bool) -> None:
        """Once: after that the connection belongs to the pool, perhaps already to another call."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._receiver.close()
            connection.release(settle=settle)

    def pump(self, take: Callable[[bytes], bool]) -> Iterator[None]:
        """Reads the body, gives each piece to ``take`` as it comes and yields whenever that returned false.

        Under gevent ``take`` is called by the loop itself, so it must not wait. Raises :class:`TransportError` if the
        body is cut short or too slow, and what ``take`` raises.
        """
        if self._connection is None:
            return
        message, connection = self._message, self._connection
        feed, parts = message.parser.feed_data, message.parts

        def received(data: bytes) -> bool:
            try:
                feed(data)
            except httptools.HttpParserError as exc:
                connection.failed(exc)
            if len(parts) == 1:
                return take(parts.pop()) and not message.complete
            return (not parts or take(message.take_body())) and not message.complete

        if (body := message.take_body()) and not take(body):
            yield
        if message.complete:
            return
        left = max(self._deadline - time.monotonic(), 0.01)
        self._receiver.limit(min(self._limits.idle, left), self._deadline + _GRACE)
        while not message.complete and self._receive(received):
            yield

    def _receive(self, received: Callable[[bytes], bool]) -> bool:
        """Whether there is more than ``received`` took; false at an end that only the closed connection tells."""
        try:
            if self._receiver.recv(READ_BYTES, received):
                return True
        except TimeoutError:
            raise self._timeout() from None
        except OSError as exc:
            raise TransportError("The connection to the model's provider broke", "body") from exc
        if self._message.framed:
            raise TransportError("The model's provider cut its answer short", "body")
        return False

    def read(self, limit: int) -> bytes:
        """The body, or its first ``limit`` bytes."""
        body = bytearray()

        def take(data: bytes) -> bool:
            body.extend(data)
            return len(body) < limit

        for _ in self.pump(take):
            if len(body) >= limit:
                break
        return bytes(body[:limit])

    def _timeout(self) -> TransportTimeout:
        if time.monotonic() >= self._deadline:
            return TransportTimeout("The run's time was over before the model had answered", "total")
        return TransportTimeout("The model's answer stalled", "idle")
