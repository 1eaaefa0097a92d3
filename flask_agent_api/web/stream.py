"""A run as a stream of Server-Sent Events."""

from __future__ import annotations

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

    def __iter__(self) -> EventStream:
        return self

    def __next__(self) -> bytes:
        if not self._started:
            self._started = True
            batch, self._first = self._first, None
            return (self._writer.role() + self._frames(batch or [])).encode()
        try:
            batch = self._run.next(self._keep_alive)
            while batch is not None:
                if frames := self._frames(batch):
                    return frames.encode()
                batch = self._run.next(self._keep_alive)
        except Closed:
            raise StopIteration from None
        return KEEP_ALIVE.encode()

    def close(self) -> None:
        """Called by the server when the response has ended, whichever way."""
        self._watcher.close()
        self._run.cancel(CLIENT_GONE)

    def _frames(self, batch: Batch) -> str:
        text = self._writer.text
        return "".join([text(event) if type(event) is str else self._frame(event) for event in batch])

    def _frame(self, event: str | Event) -> str:
        if isinstance(event, Usage):
            self._usage = event if self._usage is None else self._usage + event
        elif isinstance(event, TextDelta):
            return self._writer.text(event.text) if event.depth == 0 else ""
        elif isinstance(event, Done):
            usage = self._writer.usage(self._usage) if self._include_usage and self._usage else ""
            return self._writer.finish(event.finish_reason) + usage + DONE
        elif isinstance(event, Error):
            return error_frame(event.error) + DONE
        elif not isinstance(event, str) and (activity := agent_event(event, self._preview)) is not None:
            return self._writer.activity(activity)
        return ""
