"""Counters in the memory of one process."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field

from ..allowance import Allowance
from .base import DAY
from .base import Limit
from .base import MINUTE
from .base import Standing

MOST_CALLERS = 10_000
"""After so many callers, those who have used nothing lately are forgotten."""


@dataclass(slots=True)
class _Used:
    """What one caller has used: when he asked in the last minute, what is at work, and the tokens of a day."""

    requests: deque[float] = field(default_factory=deque)
    streams: set[str] = field(default_factory=set)
    day: int = 0
    tokens: int = 0

    def forget(self, now: float, day: int) -> None:
        """Drops what does not count any more."""
        while self.requests and self.requests[0] <= now - MINUTE:
            self.requests.popleft()
        if self.day != day:
            self.day, self.tokens = day, 0

    @property
    def is_nothing(self) -> bool:
        return not (self.requests or self.streams or self.tokens)


class MemoryCounters:
    """See :class:`~flask_agent_api.quotas.base.Counters`. ``clock`` is monotonic; ``today`` in seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, today: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._today = today
        self._lock = threading.Lock()
        self._callers: dict[str, _Used] = {}

    def admit(self, caller: str, allowance: Allowance, ticket: str) -> Standing:
        with self._lock:
            now, used = self._clock(), self._used(caller)
            refused, wait = self._refusal(used, allowance, now)
            if not refused:
                if allowance.requests_per_minute:
                    used.requests.append(now)
                if allowance.streams:
                    used.streams.add(ticket)
            reset = used.requests[-1] + MINUTE - now if used.requests else 0.0
            counts = len(used.requests), reset, len(used.streams), used.tokens, self._left_of_day()
            return Standing(refused, wait, *counts)

    def leave(self, caller: str, ticket: str) -> None:
        with self._lock:
            if (used := self._callers.get(caller)) is not None:
                used.streams.discard(ticket)

    def spend(self, caller: str, tokens: int) -> None:
        with self._lock:
            self._used(caller).tokens += tokens

    def _refusal(self, used: _Used, allowance: Allowance, now: float) -> tuple[Limit, float]:
        most = allowance.requests_per_minute
        if allowance.tokens_per_day and used.tokens >= allowance.tokens_per_day:
            return "tokens", self._left_of_day()
        if most and len(used.requests) >= most:
            return "requests", used.requests[-most] + MINUTE - now
        if allowance.streams and len(used.streams) >= allowance.streams:
            return "streams", 1.0
        return "", 0.0

    def _left_of_day(self) -> float:
        return DAY - self._today() % DAY

    def _used(self, caller: str) -> _Used:
        now, day = self._clock(), int(self._today() // DAY)
        if caller not in self._callers and len(self._callers) >= MOST_CALLERS:
            for used in self._callers.values():
                used.forget(now, day)
            self._callers = {name: used for name, used in self._callers.items() if not used.is_nothing}
        used = self._callers.setdefault(caller, _Used())
        used.forget(now, day)
        return used
