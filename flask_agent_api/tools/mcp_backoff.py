"""When a server that failed may be started again."""

from __future__ import annotations

import time
from collections import deque

_LONGEST = 32.0
_STARTS = 5
_WINDOW = 60.0


class Backoff:
    """Waits 1 s after a start that failed, then 2 s, ... 32 s, and never allows more than five starts a minute.

    What ran and ended may be started again at once.
    """

    def __init__(self) -> None:
        self.reason = ""
        """Why it failed last; empty while it runs."""
        self._failures = 0
        self._not_before = 0.0
        self._starts: deque[float] = deque(maxlen=_STARTS)

    def wait(self) -> float:
        """Seconds until the next attempt; 0 if it may be made now."""
        full = len(self._starts) == _STARTS
        not_before = max(self._not_before, self._starts[0] + _WINDOW if full else 0.0)
        return max(0.0, not_before - time.monotonic())

    def starting(self) -> None:
        """An attempt begins."""
        self._starts.append(time.monotonic())

    def started(self) -> None:
        """The attempt was a success."""
        self.reason, self._failures = "", 0

    def failed(self, reason: str) -> None:
        """The attempt failed."""
        self.reason = reason
        self._not_before = time.monotonic() + min(_LONGEST, 2.0**self._failures)
        self._failures += 1

    def ended(self, reason: str) -> None:
        """What ran has ended by itself."""
        self.reason = reason
