"""A run as a stream of Server-Sent Events."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..runtime.cancel_reason import CLIENT_GONE
from ..runtime.run import Run
from ..settings import Settings
from ..slot import Closed
from ..types import Batch
from ..types import ClientToolCalls
from ..types import Done
from ..types import Error
from ..types import Event
from ..types import is_text
from ..types import ReasoningDelta
from ..types import RefusalDelta
from ..types import TextBatch
from ..types import TextDelta
from ..types import Usage
from .activity.modes import renderer_for
from .activity.pieces import Piece
from .activity.pieces import RawDelta
from .chunks import ChunkWriter
from .chunks import DONE
from .chunks import error_frame
from .chunks import KEEP_ALIVE
from .client import ClientWatcher
from .direct import DirectWriter
from .direct import reads_itself
from .direct import stands_in
from .errors import known
from .handed_out import handed_out


class EventStream:
    """The body of a streamed answer: one write per batch, a comment in silence, and one end.

    The end is a finish chunk (and usage, where asked for) or one error frame, then ``[DONE]``. Not a generator: one
    that was never started would not be closed, and the run would go on for nobody.
    """

    def __init__(
        self, run: Run, first: Batch | None, writer: ChunkWriter, watcher: ClientWatcher, *,
        settings: Settings, include_usage: bool,
    ) -> None:  # fmt: skip
        self._run = run
        self._first = first
        self._writer = writer
        self._watcher = watcher
        self._include_usage = include_usage
        self._renderer = renderer_for(settings)
        self._show_reasoning = settings.show_reasoning
        self._keep_alive = settings.keep_alive
        self._usage: Usage | None = None
        self._pieces = 0
        self._ended = False
        self._closed = False
        self.on_close: Callable[[], object] | None = None
        """Called once, when all else is closed."""
        self._outlet: DirectWriter | None = None
        self._shown = 0.0

    def __iter__(self) -> EventStream:
        return self

    def __next__(self) -> bytes:
        outlet = self._outlet
        if outlet is None:
            self._watcher.write_ended()
        elif self._ended:
            outlet.holds = False  # the last piece goes with what the server ends the body with
        elif self._pieces:
            outlet.flush()  # the head goes with the first piece
        if self._ended:
            raise StopIteration
        try:
            piece = self._next() if self._pieces else self._begin()
        except Closed:
            if outlet is not None:
                outlet.holds = False
            raise StopIteration from None
        except OSError:  # a direct write that failed: the server treats it like one of its own
            raise
        except Exception as exc:  # an agent's own event that cannot be shown: the client must learn of the failure
            self._ended = True
            self._end_run()
            piece = error_frame(known(exc)) + DONE
        if outlet is None:
            self._watcher.write_begins()
        self._pieces += 1
        return piece.encode()

    def goes_through(self, start_response: Any) -> None:
        """Takes the server's writes over, if they may be. To be called when the response has started."""
        self._outlet = stands_in(start_response, self._watcher)

    def close(self) -> None:
        """Called by the server when the response has ended, whichever way."""
        if not self._closed:
            self._closed = True
            self._end_run()
            if self._outlet is not None:
                self._release(self._outlet)
            on_close, self.on_close = self.on_close, None  # a circle with the response, which the collector had to find
            if on_close is not None:
                on_close()

    def _release(self, outlet: DirectWriter) -> None:
        """The server's own writes go out at once again: middleware may answer something else, and only then."""
        outlet.holds = False
        with suppress(OSError):
            outlet.flush()

    def _end_run(self) -> None:
        self._run.cancel(CLIENT_GONE)
        self._watcher.close()

    def __del__(self) -> None:
        """The response was dropped unsent, by a hook of the host app that failed or answered something else."""
        if not self._closed:
            self.close()

    def _begin(self) -> str:
        batch, self._first = self._first, None
        return self._writer.role() + self._all_frames(batch or [])

    def _next(self) -> str:
        """What the next batch shows; a comment if nothing is to be shown in time, however busy the run is."""
        if self._pieces == 1:
            self._go_direct()
        self._shown = time.monotonic()
        timeout = self._keep_alive
        while timeout > 0:
            batch = self._run.next(timeout)
            if self._outlet is not None and self._outlet.has_rest:
                self._outlet.flush()
                self._shown = time.monotonic()
            if batch is not None and (frames := self._all_frames(batch)):
                return frames
            timeout = self._shown + self._keep_alive - time.monotonic()
        return KEEP_ALIVE

    def _go_direct(self) -> None:
        """From now on a batch that comes while this waits is sent at once, by whoever has it."""
        if self._outlet is None:
            return
        if reads_itself():
            self._run.give_to(self._send)
        else:
            self._outlet.holds = False  # whoever reads it may take its time between two pieces

    def _send(self, batch: Batch) -> bool:
        """Called in the run's task, or by the loop itself.

        False leaves the batch to :meth:`_next`, which will meet the failed socket, too.
        """
        frames = self._writer.texts(batch) if type(batch) is TextBatch else self._frames(batch)
        if not frames or self._outlet is None:
            return True
        try:
            complete = self._outlet.write(frames)
        except OSError:
            return False
        if not complete:
            self._run.wake()
        return True

    def _all_frames(self, batch: Batch) -> str:
        """The frames of a batch and of those behind it that are there already."""
        frames = self._frames(batch)
        while (more := self._run.ready()) is not None:
            frames += self._frames(more)
        return frames

    def _frames(self, batch: Batch) -> str:
        if type(batch) is TextBatch or is_text(batch):
            return self._writer.texts(batch)
        frames = ""
        for event in batch:
            frames += self._frame(event)
        return frames

    def _frame(self, event: str | Event) -> str:
        if isinstance(event, Usage):
            self._usage = event if self._usage is None else self._usage + event
        elif isinstance(event, str):
            return self._writer.text(event)
        elif isinstance(event, TextDelta):
            return self._writer.text(event.text) if event.depth == 0 else ""
        elif isinstance(event, ReasoningDelta):
            return self._writer.reasoning(event.text) if self._show_reasoning and event.depth == 0 else ""
        elif isinstance(event, RefusalDelta):
            return self._writer.piece(RawDelta({"refusal": event.text})) if event.depth == 0 else ""
        elif isinstance(event, Done):
            self._ended = True
            usage = self._writer.usage(self._usage) if self._include_usage and self._usage else ""
            shown = self._shown_as(pieces) if (pieces := self._renderer.end()) else ""
            return shown + self._writer.finish(event.finish_reason) + usage + DONE
        elif isinstance(event, Error):
            self._ended = True
            return error_frame(event.error) + DONE
        elif isinstance(event, ClientToolCalls):
            return self._shown_as(handed_out(event, self._renderer.calls))
        else:
            return self._shown_as(self._renderer.pieces(event))
        return ""

    def _shown_as(self, pieces: list[Piece]) -> str:
        return "".join([self._writer.piece(piece) for piece in pieces])
