"""Runs that had begun to act when their clients went away: a client that tries again by itself must not run them twice.

OpenAI's SDKs send a request again after a lost connection, and count in a header how often. In one process such a
retry can be recognised; to be sure of it, a client sends an ``Idempotency-Key``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from ..errors import AlreadyStarted
from .run import Run

REMEMBERED_SECONDS = 600.0
"""How long a run that was left is remembered. SDKs try again within seconds, unless they are told to wait."""

_MOST = 1_000

Request = tuple[str, int]
"""A request that can be recognised: the caller's id and the hash of the body."""


class StartedRuns:
    """What is known of runs that were left. Touched only when one is, and by retries."""

    def __init__(self) -> None:
        self._left: dict[Request, float] = {}

    def add(self, request: Request) -> None:
        """Remembers a run that may have had effects, and whose answer nobody has."""
        self._left.pop(request, None)
        self._left[request] = time.monotonic()
        while len(self._left) > _MOST:
            self._left.pop(next(iter(self._left)), None)

    def refuse(self, request: Request, at_work: Iterable[Run]) -> None:
        """Raises :class:`AlreadyStarted` if it is one of those, or of those ``at_work`` for the same request."""
        left = self._left.get(request, float("-inf")) > time.monotonic() - REMEMBERED_SECONDS
        if left or any(run.has_acted for run in at_work):
            raise AlreadyStarted
