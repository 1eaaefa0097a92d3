"""Ends what is in flight in good order before the server ends the process.

gunicorn lets a worker's requests go on for ``graceful_timeout`` seconds and then kills it, in the middle of whatever it
is sending. So a worker that was told to end (SIGTERM, also by a reload) takes in no more, lets runs end by themselves,
and at a deadline of its own ends those that are left, each with an error that its client can read. A worker that ends
by itself (``max_requests``) gets no signal: it is looked at once a second, and still serves what it has accepted.

The server waits for connections alone. So that runs that go on without one (detached) have their time as well, the
process waits for them when it is about to exit.

Elsewhere (gthread, ``flask run``) nothing is done: threads cannot be interrupted.
"""

from __future__ import annotations

import atexit
import logging
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..concurrency import every
from ..concurrency import patched
from ..concurrency import sleep
from ..concurrency import spawn
from ..runtime.cancel_reason import SHUTDOWN
from ..runtime.in_flight import InFlight

logger = logging.getLogger("flask_agent_api.drain")

LOOK_SECONDS = 1.0
"""How often a worker is asked whether it is about to end."""

GRACE_SHARE = 0.8
"""The part of gunicorn's ``graceful_timeout`` that runs may use up; the rest is for the worker's own end."""

END_SECONDS = 1.0
"""How long runs may take to end once they are told to, and their answers to be kept."""

Handler = Callable[[int, FrameType | None], Any]


def drain_at_shutdown(in_flight: InFlight, seconds: float) -> None:
    """Ends the runs ``seconds`` after the worker is told to end. Call it in a worker, that is after the fork.

    The handler of SIGTERM that is there stays in use; where there is none, as outside of servers, nothing is done.
    """
    previous = signal.getsignal(signal.SIGTERM)
    if not patched() or not callable(previous):
        return
    drain = _Drain(in_flight, seconds, previous)
    try:
        signal.signal(signal.SIGTERM, drain)
    except ValueError:  # not the main thread
        return
    signal.siginterrupt(signal.SIGTERM, False)  # as gunicorn has it: installing a handler resets it
    every(LOOK_SECONDS, drain.look)
    atexit.register(drain.at_exit)


class _Drain:
    """A handler of SIGTERM. May be called again and again; begins once."""

    def __init__(self, in_flight: InFlight, seconds: float, previous: Handler) -> None:
        # gunicorn's handler is a method of the worker; one of ours, of another registration, has it from there.
        self.worker: Any = previous.worker if isinstance(previous, _Drain) else getattr(previous, "__self__", None)
        grace = getattr(getattr(self.worker, "cfg", None), "graceful_timeout", float("inf"))
        self._seconds = min(seconds, GRACE_SHARE * grace)
        self._in_flight = in_flight
        self._previous = previous
        self._told = False
        self._begun = False
        self._until = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._in_flight.close()
        self._told = True
        self._begin()
        self._previous(number, frame)

    def look(self) -> None:
        """Begins if the worker is about to end."""
        if not getattr(self.worker, "alive", True):
            self._begin()

    def at_exit(self) -> None:
        """Waits for what is left, unless the worker was told to quit at once."""
        if not self._told and getattr(self.worker, "nr", 0) < getattr(self.worker, "max_requests", sys.maxsize):
            return
        self._begin()
        while len(self._in_flight) and time.monotonic() < self._until:
            sleep(0.05)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._until = time.monotonic() + self._seconds + END_SECONDS
            atexit.unregister(self.at_exit)  # the last to be registered is called first: all that runs need is there
            atexit.register(self.at_exit)
            spawn(self._work)

    def _work(self) -> None:
        if len(self._in_flight):
            logger.info("shutting down: %d runs have %g s to end", len(self._in_flight), self._seconds)
        sleep(self._seconds)
        if len(self._in_flight):
            logger.warning("shutting down: %d runs did not end in time and are cancelled", len(self._in_flight))
        self._in_flight.end(SHUTDOWN)
