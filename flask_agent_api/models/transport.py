"""HTTP/1.1 for streamed POSTs: what a model call needs, and nothing that costs time for each chunk.

It sits on the standard library's sockets, so under gevent a wait is a switch to other greenlets. Redirects are not
followed and compressed bodies are refused: neither belongs in front of a model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from types import TracebackType

from ..concurrency import Receiver
from .config import Limits
from .connection import Connection
from .connection import pool
from .connection import READ_BYTES
from .route import connect
from .route import Target
from .route import TransportError
from .route import TransportTimeout


def post(target: Target, head: bytes, body: bytes, limits: Limits, deadline: float) -> Response:
    """Sends a request and waits for the headers of its response.

    ``head`` is what :meth:`Target.head` gave, ``deadline`` is on the monotonic clock. A reused connection that turns
    out to be dead is replaced once. Raises :class:`TransportError`.
    """
    request = b"%b%d\r\n\r\n%b" % (head, len(body), body)
    if (connection := pool.get().take(target.route)) and _answers(connection, request, limits, deadline):
        return Response(connection, limits, deadline)
    left = deadline - time.monotonic()
    if left <= 0:
        raise TransportTimeout("The run's time was over before the model had answered", "total")
    connection = Connection(target.route, connect(target.route, min(limits.connect, left)))
    if not _answers(connection, request, limits, deadline):
        raise TransportError("The model's provider closed the connection without an answer", "first_byte")
    return Response(connection, limits, deadline)


def _answers(connection: Connection, request: bytes, limits: Limits, deadline: float) -> bool:
    """Whether there is an answer; without one the connection is closed, also when the task is cancelled."""
    answers = False
    try:
        deadline = min(deadline, time.monotonic() + limits.first_byte)
        connection.sock.settimeout(limits.first_byte)
        connection.send(request)
        answers = connection.read_head(deadline)
        return answers
    finally:
        if not answers:
            connection.close()


class Response:
    """A response whose body is still to be read. Iterate over it once; leave its ``with`` block to give it up."""

    def __init__(self, connection: Connection, limits: Limits, deadline: float) -> None:
        self._connection: Connection | None = connection
        self._message = connection.message
        self._sock = connection.sock
        self._limits = limits
        self._deadline = deadline

    @property
    def status(self) -> int:
        """The status code."""
        return self._message.status

    @property
    def headers(self) -> dict[str, str]:
        """The headers by lower-case name; repeated ones are joined by commas."""
        return self._message.headers

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
            connection.release(settle=settle)

    def __iter__(self) -> Iterator[bytes]:
        """The body, one item for each read. Raises :class:`TransportError` if it is cut short or too slow."""
        if self._connection is None:
            return
        receiver = Receiver(self._sock, min(self._limits.idle, max(self._deadline - time.monotonic(), 0.01)))
        try:
            yield from self._parts(self._connection.feed, receiver.recv)
        finally:
            receiver.close()

    def _parts(self, feed: Callable[[bytes], None], recv: Callable[[int], bytes]) -> Iterator[bytes]:
        message, parts, deadline = self._message, self._message.parts, self._deadline
        while True:
            if parts:
                data = parts[0] if len(parts) == 1 else b"".join(parts)
                parts.clear()
                yield data
            if message.complete:
                return
            try:
                if time.monotonic() > deadline:
                    raise TimeoutError
                data = recv(READ_BYTES)
            except TimeoutError:
                raise self._timeout() from None
            except OSError as exc:
                raise TransportError("The connection to the model's provider broke", "body") from exc
            if data:
                feed(data)
            elif message.framed:
                raise TransportError("The model's provider cut its answer short", "body")
            else:
                return

    def read(self, limit: int) -> bytes:
        """The body, or its first ``limit`` bytes."""
        body = bytearray()
        for data in self:
            body += data
            if len(body) >= limit:
                break
        return bytes(body[:limit])

    def _timeout(self) -> TransportTimeout:
        if time.monotonic() >= self._deadline:
            return TransportTimeout("The run's time was over before the model had answered", "total")
        return TransportTimeout("The model's answer stalled", "idle")
