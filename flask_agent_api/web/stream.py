"""A run as a stream of Server-Sent Events."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from flask import Response
from werkzeug.wsgi import ClosingIterator

from ..concurrency import Closed
from ..runtime.run import CLIENT_GONE
from ..runtime.run import Run
from ..types import Batch
from ..types import Done
from ..types import Error
from ..types import Event
from ..types import TextDelta
from ..types import Usage
from .activity import agent_event
from .chunks import ChunkWriter
from .chunks import DONE
from .chunks import error_frame
from .chunks import KEEP_ALIVE
from .client import ClientWatcher
from .errors import known


class EventStream:
    """The body of a streamed answer: one write per batch, a comment in silence, and one end.

    The end is a finish chunk (and usage, where asked for) or one error frame, then ``[DONE]``. Not a generator: one
    that was never started would not be closed, and the run would go on for nobody.
    """

    def __init__(
        self, run: Run, first: Batch | None, writer: ChunkWriter, watcher: ClientWatcher, *,
        include_usage: bool, preview: int, keep_alive: float,
    ) -> None:  # fmt: skip
        self._run = run
        self._first = first
        self._writer = writer
        self._watcher = watcher
        self._include_usage = include_usage
        self._preview = preview
        self._keep_alive = keep_alive
        self._usage: Usage | None = None
        self._started = False
        self._ended = False

    def __iter__(self) -> EventStream:
        return self

    def __next__(self) -> bytes:
        if self._ended:
            raise StopIteration
        try:
            return (self._next() if self._started else self._begin()).encode()
        except Closed:
            raise StopIteration from None
        except Exception as exc:  # an agent's own event that cannot be shown: the client must learn of the failure
            self._ended = True
            self.close()
            return (error_frame(known(exc)) + DONE).encode()

    def close(self) -> None:
        """Called by the server when the response has ended, whichever way."""
        self._watcher.close()
        self._run.cancel(CLIENT_GONE)

    def __del__(self) -> None:
        """The response was dropped unsent, by a hook of the host app that failed or answered something else."""
        self.close()

    def _begin(self) -> str:
        self._started = True
        batch, self._first = self._first, None
        return self._writer.role() + self._frames(batch or [])

    def _next(self) -> str:
        """What the next batch shows; a comment if nothing is to be shown in time, however busy the run is."""
        silent_until = time.monotonic() + self._keep_alive
        timeout = self._keep_alive
        while timeout > 0 and (batch := self._run.next(timeout)) is not None:
            if frames := self._frames(batch):
                return frames
            timeout = silent_until - time.monotonic()
        return KEEP_ALIVE

    def _frames(self, batch: Batch) -> str:
        text = self._writer.text
        return "".join([text(event) if type(event) is str else self._frame(event) for event in batch])

    def _frame(self, event: str | Event) -> str:
        if isinstance(event, Usage):
            self._usage = event if self._usage is None else self._usage + event
        elif isinstance(event, str):
            return self._writer.text(event)
        elif isinstance(event, TextDelta):
            return self._writer.text(event.text) if event.depth == 0 else ""
        elif isinstance(event, Done):
            usage = self._writer.usage(self._usage) if self._include_usage and self._usage else ""
            return self._writer.finish(event.finish_reason) + usage + DONE
        elif isinstance(event, Error):
            return error_frame(event.error) + DONE
        elif (activity := agent_event(event, self._preview)) is not None:
            return self._writer.activity(activity)
        return ""


class StreamResponse(Response):
    """A response that is never collected: a hook of the host app that reads its data finds none.

    Werkzeug's own class would either give such a hook the whole answer, when it has ended, or raise an error.
    """

    def get_data(self, as_text: bool = False) -> Any:
        """Nothing."""
        return "" if as_text else b""

    def get_app_iter(self, environ: dict[str, Any]) -> Iterable[bytes]:
        """The stream itself, with what hooks want to be called when it has ended."""
        return ClosingIterator(self.response, self.close)  # type: ignore[arg-type]
