"""The runs of one process that somebody waits for: how many there may be, and how they end when the server does."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol

from ..errors import AgentAPIError
from ..errors import RunEnded
from .cancel_reason import CancelReason
from .cancel_reason import SHUTDOWN
from .run import Run
from .started import Request
from .started import StartedRuns

_RETRY = {"Retry-After": "1"}


class Cancellable(Protocol):
    """What has a place: a run, or somebody who waits for one that is elsewhere."""

    def cancel(self, reason: CancelReason) -> None:
        """Ends it."""
        ...


class InFlight:
    """The places of one registration in one process, ``limit`` at the most. Touched twice a run, never per chunk."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._places: set[Place] = set()
        self._open = True
        self._started = StartedRuns()

    def __len__(self) -> int:
        return len(self._places)

    @property
    def places(self) -> frozenset[Place]:
        """Those that are taken now."""
        return frozenset(self._places)

    @property
    def runs(self) -> Iterator[Run]:
        """Those that are at work now."""
        return (place.run for place in list(self._places) if place.run is not None)

    def refuse_retry(self, request: Request) -> None:
        """Raises :class:`AlreadyStarted` if a run for this request may have had effects, and nobody has its answer."""
        at_work = [place.run for place in list(self._places) if place.run is not None and place.request == request]
        self._started.refuse(request, at_work)

    def require_open(self) -> None:
        """Raises :class:`RunEnded`, 503 ``server_shutting_down``, once :meth:`close` was called."""
        if not self._open:
            raise RunEnded(SHUTDOWN.message, status=SHUTDOWN.status, code=SHUTDOWN.name, headers=_RETRY)

    def enter(self) -> Place:
        """A place for one more run, to be had before any work is done for it.

        Raises 503 ``too_many_streams`` if all are taken, and what :meth:`require_open` raises.
        """
        self.require_open()
        place = Place(self._places, self._started)
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

    def __init__(self, places: set[Place], started: StartedRuns) -> None:
        self._places = places
        self._started = started
        self._run: Cancellable | None = None
        self._reason: CancelReason | None = None
        self.request: Request | None = None
        """Whom the run is for, so that a retry can be recognised."""
        self.on_leave: Callable[[], object] | None = None
        """Is called when it is left, maybe more than once and by the loop itself, so it must not wait."""

    @property
    def run(self) -> Run | None:
        """The run that is here."""
        return self._run if isinstance(self._run, Run) else None

    def hold(self, run: Cancellable) -> None:
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
        if self.on_leave is not None:
            self.on_leave()
        if self.request is not None and (run := self.run) is not None and run.was_left:
            self._started.add(self.request)

    def __enter__(self) -> Place:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None or self._run is None:
            self.leave()
