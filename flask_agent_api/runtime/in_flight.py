"""The runs of one process that somebody waits for: how many there may be, and how they end when the server does."""

from __future__ import annotations

from types import TracebackType

from ..errors import AgentAPIError
from ..errors import RunEnded
from .run import CancelReason
from .run import Run
from .run import SHUTDOWN

_RETRY = {"Retry-After": "1"}


class InFlight:
    """The places of one registration in one process, ``limit`` at the most. Touched twice a run, never per chunk."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._places: set[Place] = set()
        self._open = True

    def __len__(self) -> int:
        return len(self._places)

    @property
    def places(self) -> frozenset[Place]:
        """Those that are taken now."""
        return frozenset(self._places)

    def require_open(self) -> None:
        """Raises :class:`RunEnded`, 503 ``server_shutting_down``, once :meth:`close` was called."""
        if not self._open:
            raise RunEnded(SHUTDOWN.message, status=SHUTDOWN.status, code=SHUTDOWN.name, headers=_RETRY)

    def enter(self) -> Place:
        """A place for one more run, to be had before any work is done for it.

        Raises 503 ``too_many_streams`` if all are taken, and what :meth:`require_open` raises.
        """
        self.require_open()
        place = Place(self._places)
        self._places.add(place)
        if len(self._places) > self._limit:  # looked at afterwards, so that threads need no lock
            place.leave()
            message = f"This server process answers {self._limit} requests at a time, and does so now. Try again."
            raise AgentAPIError(message, status=503, code="too_many_streams", headers=_RETRY)
        return place

    def close(self) -> None:
        """Takes in no more. Safe in a signal handler."""
        self._open = False

    def end(self, reason: CancelReason) -> None:
        """Takes in no more and cancels every run that is left."""
        self.close()
        for place in list(self._places):
            place.end(reason)


class Place:
    """Where one request has its run. As a context manager it is left at the end unless a run has it then."""

    def __init__(self, places: set[Place]) -> None:
        self._places = places
        self._run: Run | None = None
        self._reason: CancelReason | None = None

    def hold(self, run: Run) -> None:
        """The run that is about to start; who calls this has to call :meth:`leave` when its answer has ended."""
        self._run = run
        if self._reason is not None:
            run.cancel(self._reason)

    def end(self, reason: CancelReason) -> None:
        """Cancels the run, also one that comes later: the request's body may still be on its way."""
        self._reason = reason
        if self._run is not None:
            self._run.cancel(reason)

    def leave(self) -> None:
        """Makes room; harmless when repeated."""
        self._places.discard(self)

    def __enter__(self) -> Place:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None or self._run is None:
            self.leave()
