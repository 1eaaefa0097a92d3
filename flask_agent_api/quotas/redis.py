"""Counters in Redis: for all workers and machines together."""

from __future__ import annotations

import secrets
import time
from typing import Any

from ..allowance import Allowance
from ..conversations.base import StoreUnavailable
from ..conversations.redis_client import Command
from ..conversations.redis_client import RedisClient
from ..conversations.redis_index import digest
from ..conversations.renewal import Renewal
from .base import Standing
from .memory import MemoryCounters
from .redis_scripts import ADMIT
from .redis_scripts import RENEW
from .redis_scripts import SPEND

LEASE_SECONDS = 30.0
"""How long requests count as at work whose worker has died."""

RENEW_SECONDS = 10.0

DOWN_SECONDS = 2.0
"""How long Redis is not asked after it did not answer."""


class RedisCounters:
    """See :class:`~flask_agent_api.quotas.base.Counters`. While Redis cannot be asked, each process counts by itself.

    ``url`` is as for :class:`~flask_agent_api.conversations.redis.RedisStore`.
    """

    def __init__(self, url: str) -> None:
        self._client = RedisClient(url, "limits are counted by each worker for itself")
        self._here = MemoryCounters()
        self._down_until = 0.0
        self._held: dict[str, str] = {}
        self._renewal = Renewal(lambda: self._held, self._renew_all, lambda: RENEW_SECONDS)

    def admit(self, caller: str, allowance: Allowance, ticket: str) -> Standing:
        limits = allowance.requests_per_minute, allowance.streams, allowance.tokens_per_day
        names = [self._name(caller, what) for what in ("requests", "streams", "tokens")]
        answer = self._ask(ADMIT.call(names, *limits, ticket, _milliseconds(LEASE_SECONDS)))
        if answer is None:
            return self._here.admit(caller, allowance, ticket)
        refused, wait, requests, reset, streams, tokens, left = answer
        if allowance.streams and not refused:
            self._held[ticket] = caller
            self._renewal.begin()
        return Standing(refused.decode(), wait / 1000, requests, reset / 1000, streams, tokens, left / 1000)

    def leave(self, caller: str, ticket: str) -> None:
        self._here.leave(caller, ticket)
        if self._held.pop(ticket, None) is not None:
            self._ask(("ZREM", self._name(caller, "streams"), ticket))

    def spend(self, caller: str, tokens: int) -> None:
        names = self._name(caller, "tokens"), self._name(caller, f"done:{secrets.token_hex(8)}")
        if self._ask(SPEND.call(names, tokens), done=True) is None:
            self._here.spend(caller, tokens)

    def close(self) -> None:
        """Ends connections, and renews nothing any more. The counters may be used again."""
        self._held.clear()
        self._client.close()

    def _ask(self, command: Command, *, done: object = None) -> Any:
        """The answer, or ``done`` where there is none to be had; None if Redis cannot be asked."""
        if time.monotonic() < self._down_until:
            return None
        try:
            (answer,) = self._client.ask(command)
        except StoreUnavailable:
            self._down_until = time.monotonic() + DOWN_SECONDS
            return None
        return done if answer is None else answer

    def _name(self, caller: str, what: str) -> str:
        return f"{self._client.prefix}{{{digest('quota', caller)}}}:{what}"

    def _renew_all(self) -> None:
        for ticket, caller in list(self._held.items()):
            if ticket in self._held:
                self._ask(RENEW.call([self._name(caller, "streams")], ticket, _milliseconds(LEASE_SECONDS)))


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
