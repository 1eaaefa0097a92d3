"""The short way to the client: straight into the socket, from where the batch is, and in as few packets as possible.

A piece that the server writes costs a switch to the request's greenlet and the server's own path to the socket, which
is a good part of all that it costs. Where gunicorn's gevent worker reads our body itself, the task that has a batch may
as well send it, framed as the server frames it, while the request's greenlet waits. And what the server writes one
after the other, the head and the first piece, the last piece and the end, goes out in one. Whatever is unusual (TLS,
HTTP/1.0 and 2, middleware that reads the body) goes the long way.
"""

from __future__ import annotations

import sys
from typing import Any

from .client import ClientWatcher


class DirectWriter:
    """Sends pieces of a chunked HTTP/1.1 body (RFC 9112, section 7.1) to the client of ``watcher``, which has a socket.

    It may stand in the place of the socket for the server's own response, see :func:`stands_in`.
    """

    def __init__(self, watcher: ClientWatcher) -> None:
        assert watcher.socket is not None
        self._watcher = watcher
        self._socket = watcher.socket
        self._send = watcher.socket.send
        self._rest: list[bytes] = []
        self.holds = True
        """Whether what the server writes is kept for :meth:`flush`."""

    @property
    def has_rest(self) -> bool:
        """Whether something is left over."""
        return bool(self._rest)

    def write(self, text: str) -> bool:
        """Sends a piece of ASCII text; false if a part is left over, which :meth:`flush` must send first of all.

        Raises OSError.
        """
        data = f"{len(text):x}\r\n{text}\r\n".encode("ascii")
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        if sent == len(data):
            return True
        self._rest.append(data[sent:])
        return False

    def sendall(self, data: bytes) -> None:
        """Called by the server. Raises OSError."""
        self._rest.append(data)
        if not self.holds:
            self.flush()

    def flush(self) -> None:
        """Sends what is left over, and waits for it. Raises OSError."""
        if not self._rest:
            return
        data = b"".join(self._rest)
        self._rest.clear()
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._watcher.write_begins()
            self._socket.send_all(data[sent:])
            self._watcher.write_ended()


def stands_in(start_response: Any, watcher: ClientWatcher) -> DirectWriter | None:
    """A writer in the place of the socket of gunicorn's response, whose ``start_response`` has been called.

    None for other servers, and where the body is not sent in chunks: only these end with something of the server's.
    """
    response: Any = getattr(start_response, "__self__", None)
    kind = type(response)
    if watcher.socket is None or (kind.__module__, kind.__name__) != ("gunicorn.http.wsgi", "Response"):
        return None
    if not response.chunked:
        return None
    response.sock = writer = DirectWriter(watcher)
    return writer


def reads_itself() -> bool:
    """Whether gunicorn reads the body itself. Call it from the body's ``__next__``, where gunicorn is the server.

    The frames that called us tell, but for Werkzeug's wrapper, which hands the pieces on as they are.
    """
    frame = sys._getframe(4)
    while frame.f_globals.get("__name__") == "werkzeug.wsgi" and frame.f_back is not None:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__")).startswith("gunicorn.")
