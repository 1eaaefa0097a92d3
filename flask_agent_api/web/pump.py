"""Makes an answer in a task of its own, for its client as long as there is one, and for the record."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from flask import Response

from ..concurrency import Deadline
from ..concurrency import sleep
from ..concurrency import spawn
from ..conversations.answers import Opening
from ..conversations.recording import Recording
from ..errors import NO_RETRY
from ..runtime.cancel_reason import CLIENT_GONE
from ..runtime.cancel_reason import DEADLINE
from ..runtime.in_flight import Place
from ..runtime.run import Run
from ..slot import Closed
from ..slot import Slot
from .chunks import DONE
from .chunks import KEEP_ALIVE
from .errors import error_response
from .errors import known
from .stream import EventStream

logger = logging.getLogger("flask_agent_api.web")

SAVE_SECONDS = 0.15
"""How long what is new of a detached answer waits until it is written, for those who follow on other workers."""

_PIECES = 64
_DONE = DONE.encode()
_KEEP_ALIVE = KEEP_ALIVE.encode()


class LiveSource:
    """An answer on its way from the task that makes it to the one client it is made for.

    A client that goes away ends the run, unless that is ``detached``. See :class:`~.followed.Source`.
    """

    def __init__(self, run: Run, detached: bool) -> None:
        self._run = run
        self._detached = detached
        self._left = False
        self._overdue = False
        self._slot: Slot[Opening | bytes] = Slot(_PIECES)

    def put(self, item: Opening | bytes) -> None:
        """Gives the client something, and waits for it if it is slow, but no longer than the run may take.

        What comes after that is the run's error, which the client gets in the place of what it left waiting.
        """
        if self._left or self._overdue:
            return
        try:
            with Deadline(self._run.ctx.remaining):
                self._slot.put(item)
        except TimeoutError:
            self._overdue = True
            self._run.cancel(DEADLINE)

    def close(self, last: bytes) -> None:
        """Gives the client the last piece; harmless when repeated."""
        self._slot.close(last)

    def opening(self, seconds: float) -> Opening | None:
        until = time.monotonic() + seconds
        while not self._left and (left := until - time.monotonic()) > 0:
            item = self._slot.get(min(left, 60.0))
            if isinstance(item, Opening):
                return item
        return None

    def get(self, timeout: float) -> bytes | None:
        item = self._slot.get(timeout)
        if self._left:
            raise Closed
        return item if isinstance(item, bytes) else None

    def leave(self) -> None:
        """Makes room in the slot: whoever makes the answer must not wait for nobody."""
        self._left = True
        while self._slot.ready() is not None:
            pass
        self._slot.wake()
        if not self._detached:
            self._run.cancel(CLIENT_GONE)


class Pump:
    """Makes one answer: takes the place of a client that reads all of it, as it comes.

    ``respond`` gives the response once its beginning is known. The run must have been started. The answer's end reaches
    the client when it is recorded: who has a finish chunk, or a whole answer, can have it again.
    """

    def __init__(
        self, run: Run, respond: Callable[[], Response], source: LiveSource, recording: Recording | None, place: Place,
        *, detached: bool,
    ) -> None:  # fmt: skip
        self._run = run
        self._respond = respond
        self._source = source
        self._recording = recording
        self._place = place
        self._can_be_followed = detached and recording is not None
        self._events = 0
        self._saves = False

    def start(self) -> None:
        """Starts the task. It leaves the place when all is done."""
        spawn(self._work)

    def _work(self) -> None:
        try:
            self._make()
        except Closed:
            pass
        except Exception:
            logger.exception("run %s: its answer could not be made", self._run.ctx.run_id)
        finally:
            self._run.cancel(CLIENT_GONE)  # nothing, unless it was not read to its end
            self._settle()
            self._source.close(b"")
            self._place.leave()

    def _make(self) -> None:
        response = self._response()
        opening = self._opening(response)
        if self._recording is not None:
            self._recording.open(opening)
        if not isinstance(response.response, EventStream):
            data = response.get_data()
            self._record(data)
            self._settle()
            self._source.put(opening)
            self._source.close(data)
            return
        self._source.put(opening)
        self._stream(response.response)

    def _response(self) -> Response:
        try:
            return self._respond()
        except Exception as exc:
            return error_response(known(exc))

    def _opening(self, response: Response) -> Opening:
        headers = {name: value for name, value in response.headers.items() if name != "Content-Length"}
        if response.status_code >= 400 and self._recording is not None and self._run.has_acted:
            headers.update(NO_RETRY)  # it would only get the same
        return Opening(response.status_code, headers)

    def _stream(self, frames: EventStream) -> None:
        try:
            for piece in frames:
                if piece != _KEEP_ALIVE:  # whoever reads has comments of its own
                    self._pass_on(self._numbered(piece) if self._can_be_followed else piece)
        finally:
            frames.close()

    def _pass_on(self, piece: bytes) -> None:
        self._record(piece)
        if piece.endswith(_DONE):
            self._settle()
            self._source.close(piece)
            return
        self._source.put(piece)
        if self._can_be_followed and not self._saves:
            self._saves = True
            spawn(self._save)

    def _numbered(self, piece: bytes) -> bytes:
        """The same events with an ``id`` each, the first one 1."""
        frames = piece.split(b"\n\n")[:-1]
        numbered = b"".join(b"id: %d\n%b\n\n" % (number, each) for number, each in enumerate(frames, self._events + 1))
        self._events += len(frames)
        return numbered

    def _record(self, piece: bytes) -> None:
        if self._recording is not None:
            self._recording.add(piece)

    def _save(self) -> None:
        sleep(SAVE_SECONDS)
        self._saves = False
        if self._recording is not None:
            self._recording.save()

    def _settle(self) -> None:
        """Ends the recording. A run that failed before it did anything leaves the key to another attempt."""
        recording, self._recording = self._recording, None
        if recording is None:
            return
        if self._run.failed and not self._run.has_acted:
            recording.free()
        else:
            recording.finish()
