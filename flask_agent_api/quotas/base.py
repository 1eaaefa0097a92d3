"""The protocol of counters: how much each caller has used of what he may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from typing import Protocol

from ..allowance import Allowance

MINUTE = 60.0
DAY = 86_400

Limit = Literal["", "tokens", "requests", "streams"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands after he has asked.

    ``refused`` is the limit that his request would exceed, or empty, and ``wait`` after how many seconds it would not.
    ``requests`` are those admitted in the last minute, this one included, and ``streams`` those at work; ``tokens`` is
    what the day's requests have used. The resets are in seconds: when nothing of a limit is used any more.
    """

    refused: Limit
    wait: float
    requests: int
    requests_reset: float
    streams: int
    tokens: int
    tokens_reset: float


class Counters(Protocol):
    """Counts for all callers. One object serves all tasks of a process; none of its methods raises.

    A ``ticket`` names one request and is like no other.
    """

    def admit(self, caller: str, allowance: Allowance, ticket: str) -> Standing:
        """Lets a request in, and counts it, if that exceeds no limit of its caller; a limit of 0 is none."""
        ...

    def leave(self, caller: str, ticket: str) -> None:
        """An admitted request is at work no more. Harmless when repeated."""
        ...

    def spend(self, caller: str, tokens: int) -> None:
        """A model call of a caller has used tokens."""
        ...
