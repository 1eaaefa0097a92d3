"""What a process knows about a model beyond one call: how often it failed in a row, and how many calls it has.

An endpoint that is down is not asked by every run again and again, each with its repetitions: after some failures all
calls fail at once for a while, then one may try. And an endpoint that serves a few at a time is not given more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext

from ..per_process import PerProcess
from .config import Limits
from .failure_table import BUSY
from .failure_table import Failure
from .failure_table import LIMITED
from .failure_table import RESTING
from .failures import CallFailed

logger = logging.getLogger("flask_agent_api.models")

_AT_ONCE = nullcontext()


class Circuit:
    """One model of one endpoint, for all calls of a process."""

    def __init__(self, name: str, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._most = limits.failures
        self._rest = limits.rest
        self._wait = limits.first_byte
        self._clock = clock
        self._failures = 0
        self._resting_until = 0.0
        self._calls = threading.BoundedSemaphore(limits.concurrency) if limits.concurrency else None

    def call(self, deadline: float) -> AbstractContextManager[None]:
        """Around one attempt. Waits for its turn, until ``deadline`` at the most, on the monotonic clock.

        Raises :class:`CallFailed` when the model rests, or when there was no turn in time.
        """
        return _AT_ONCE if self._calls is None and not self._resting_until else self._watched(deadline)

    @contextmanager
    def _watched(self, deadline: float) -> Iterator[None]:
        self._require_rested()
        if self._calls is not None:
            self._take_turn(self._calls, deadline)
        try:
            self._require_rested()
            if self._resting_until:  # this one tries; should it be given up, another may after as long a time
                self._resting_until = self._clock() + self._rest
            yield
        finally:
            if self._calls is not None:
                self._calls.release()

    def _take_turn(self, calls: threading.BoundedSemaphore, deadline: float) -> None:
        taken: bool | None = None
        try:
            taken = calls.acquire(timeout=max(min(self._wait, deadline - time.monotonic()), 0.0))
        finally:
            if taken is None and calls.acquire(blocking=False):  # whose turn it was is cancelled: wake the next one
                calls.release()
        if not taken:
            message = "The agent's model has as many calls as it may have. Try again later"
            raise CallFailed(BUSY, message, wait=1.0)

    def _require_rested(self) -> None:
        if self._resting_until and (left := self._resting_until - self._clock()) > 0:
            message = "The agent's model has failed several times in a row and is left alone for a moment"
            raise CallFailed(RESTING, message, wait=left)

    def answered(self) -> None:
        """The endpoint is there again, though its answer may still break off."""
        if self._resting_until:
            logger.info("model %s: it answers again", self._name)
            self._resting_until = 0.0
            self._failures = self._most - 1

    def succeeded(self) -> None:
        """An answer was complete."""
        self._failures = 0

    def failed(self, row: Failure) -> None:
        """An attempt failed. Only what another attempt may help against tells about the endpoint, rate limits aside."""
        if row in (BUSY, RESTING):
            return
        if not row.retry or row is LIMITED:
            self.answered()
            self._failures = 0
            return
        self._failures += 1
        if self._most and self._failures >= self._most:
            self._resting_until = self._clock() + self._rest
            logger.warning("model %s: %d failures in a row, it rests for %g s", self._name, self._failures, self._rest)


_circuits: PerProcess[dict[tuple[str, Limits], Circuit]] = PerProcess(dict)


def circuit_of(url: str, name: str, limits: Limits) -> Circuit:
    """The one of this process; agents that have the same model at the same address, and limits, share it."""
    circuits = _circuits.get()
    key = (f"{name} {url}", limits)
    return circuits.get(key) or circuits.setdefault(key, Circuit(name, limits))
