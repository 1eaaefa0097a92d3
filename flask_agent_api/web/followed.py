"""The response to an answer that is made elsewhere: by a task of this process, or on any worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Protocol

from flask import Response

from ..conversations.answers import Opening
from ..settings import Settings
from ..slot import Closed
from .chunks import KEEP_ALIVE
from .client import ClientWatcher
from .stream_response import StreamResponse

_WAIT_SECONDS = 60.0


class Source(Protocol):
    """Where the answer comes from."""

    def opening(self, seconds: float) -> Opening | None:
        """How the response begins; None if that is not known after ``seconds``, or if :meth:`leave` was called."""
        ...

    def get(self, timeout: float) -> bytes | None:
        """What comes next of the body, or None after ``timeout`` seconds. Raises :class:`Closed` after the last."""
        ...

    def leave(self) -> None:
        """The client has gone, or has what it wanted. Harmless when repeated."""
        ...


def followed(
    source: Source, watcher: ClientWatcher, settings: Settings, headers: Mapping[str, str] | None = None
) -> Response | None:
    """The answer of a source, streamed if it is a stream. None if it takes longer than ``json_timeout`` to begin."""
    body = None
    try:
        opening = source.opening(settings.json_timeout or float("inf"))
        if opening is None:
            return None
        fields = {**opening.headers, **(headers or {})}
        if opening.is_stream:
            body = FollowedBody(source, watcher, settings.keep_alive)
            return StreamResponse(body, opening.status, fields, direct_passthrough=True)
        return Response(_whole(source), opening.status, fields)
    finally:
        if body is None:
            watcher.close()
            source.leave()


def _whole(source: Source) -> bytes:
    pieces = []
    while True:
        try:
            pieces.append(source.get(_WAIT_SECONDS) or b"")
        except Closed:
            return b"".join(pieces)


class FollowedBody:
    """The body of a stream that is made elsewhere: what there is, as it comes, and comments in silence."""

    def __init__(self, source: Source, watcher: ClientWatcher, keep_alive: float) -> None:
        self._source = source
        self._watcher = watcher
        self._keep_alive = keep_alive
        self._closed = False
        self.on_close: Callable[[], object] | None = None
        """Called once, when all else is closed."""

    def goes_through(self, start_response: object) -> None:
        """Nothing: the server sends it piece by piece."""

    def __iter__(self) -> FollowedBody:
        return self

    def __next__(self) -> bytes:
        self._watcher.write_ended()
        try:
            piece = self._next()
        except Closed:
            raise StopIteration from None
        self._watcher.write_begins()
        return piece

    def _next(self) -> bytes:
        until = time.monotonic() + self._keep_alive
        while (left := until - time.monotonic()) > 0:
            if piece := self._source.get(left):
                return piece
        return KEEP_ALIVE.encode()

    def close(self) -> None:
        """Called by the server when the response has ended, whichever way."""
        if not self._closed:
            self._closed = True
            self._watcher.close()
            self._source.leave()
            on_close, self.on_close = self.on_close, None
            if on_close is not None:
                on_close()

    def __del__(self) -> None:
        """The response was dropped unsent."""
        self.close()
