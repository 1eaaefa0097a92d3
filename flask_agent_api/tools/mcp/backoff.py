"""When a server that failed may be started again."""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass

_STARTS = 5
_WINDOW = 60.0
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How often and how soon a server is started again. Times are in seconds.

    A start that failed is tried again after ``first_wait``, then ``multiplier`` times as long each time, up to
    ``longest_wait``; each wait is off by the fraction ``jitter`` of itself at the most, at random. After
    ``most_failures`` attempts in a row that failed there is no other; None means that there always is. Without
    ``again`` a server that ran and ended stays away.
    """

    again: bool = True
    most_failures: int | None = None
    first_wait: float = 1.0
    longest_wait: float = 32.0
    multiplier: float = 2.0
    jitter: float = 0.0


class Backoff:
    """Keeps to a policy, and never allows more than five starts a minute. What ran and ended may start at once."""

    def __init__(self, policy: RestartPolicy) -> None:
        self.reason = ""
        """Why it failed last; empty while it runs."""
        self._policy = policy
        self._failures = 0
        self._not_before = 0.0
        self._starts: deque[float] = deque(maxlen=_STARTS)

    def wait(self) -> float:
        """Seconds until the next attempt; 0 if it may be made now, infinity if there is none."""
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
        self._not_before = time.monotonic() + self._pause()
        self._failures += 1

    def ended(self, reason: str) -> None:
        """What ran has ended by itself."""
        self.reason = reason
        if not self._policy.again:
            self._not_before = _NEVER

    def _pause(self) -> float:
        policy = self._policy
        if policy.most_failures is not None and self._failures + 1 >= policy.most_failures:
            return _NEVER
        pause = min(policy.longest_wait, policy.first_wait * policy.multiplier ** min(self._failures, 100))
        return pause * (1 + policy.jitter * random.uniform(-1, 1))
