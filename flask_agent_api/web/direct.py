"""The short way to the client: straight into the socket, from where the batch is.

A batch that the server writes costs a switch to the request's greenlet and the server's own path to the socket, which
is a good part of all that a chunk costs. Where gunicorn's gevent worker reads our body itself, the task that has the
batch may as well send it, framed as the server frames it, while the request's greenlet waits. Whatever is unusual (TLS,
HTTP/1.0 and 2, middleware that reads the body) goes the long way.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ..concurrency import client_socket
from ..concurrency import ClientSocket


class DirectWriter:
    """Sends pieces of a chunked HTTP/1.1 body (RFC 9112, section 7.1)."""

    def __init__(self, sock: ClientSocket) -> None:
        self._sock = sock
        self._send = sock.send
        self._rest = b""

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
        self._rest = data[sent:]
        return False

    def flush(self) -> None:
        """Sends what is left over, and waits for it. Raises OSError."""
        rest, self._rest = self._rest, b""
        self._sock.send_all(rest)


def direct_writer(environ: Mapping[str, Any]) -> DirectWriter | None:
    """A writer for the request's client. Call it from the body's ``__next__``, when the first piece has been written.

    None if anything but gunicorn reads the body: the frames that called us tell, but for Werkzeug's wrapper, which
    hands the pieces on as they are.
    """
    if environ.get("SERVER_PROTOCOL") != "HTTP/1.1" or "gunicorn.socket" not in environ:
        return None  # other servers call from C, and have no frames to look at
    frame = sys._getframe(4)
    while frame.f_globals.get("__name__") == "werkzeug.wsgi" and frame.f_back is not None:
        frame = frame.f_back
    if not str(frame.f_globals.get("__name__")).startswith("gunicorn."):
        return None
    sock = client_socket(environ)
    return DirectWriter(sock) if sock is not None else None
