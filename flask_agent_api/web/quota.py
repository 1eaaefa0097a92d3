"""What a caller with limits may use: asked before his request is served, counted while it is, and told in headers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextvars import Context

from ..allowance import Allowance
from ..concurrency import spawn
from ..context import RunContext
from ..errors import AgentAPIError
from ..errors import NO_RETRY
from ..errors import QuotaExceeded
from ..errors import RateLimited
from ..quotas.base import Counters
from ..quotas.base import Standing
from ..runtime.in_flight import Place
from ..types import Usage
from .guard import Exchange
from .guard import random_id


class Quota:
    """One admitted request, from its admission to the end of its run."""

    def __init__(self, counters: Counters, caller: str, ticket: str) -> None:
        self._counters = counters
        self._caller = caller
        self._ticket = ticket
        self._left = False

    def follow(self, ctx: RunContext) -> None:
        """Counts what a run uses, and lets the next request in before the client learns that this one has ended."""
        ctx.record.charge = self._spend
        ctx.on_end.callback(self._leave)

    def leave_soon(self) -> None:
        """Lets the next request in, without waiting for anything; harmless when repeated."""
        if not self._left:
            Context().run(spawn, self._leave)

    def _leave(self) -> None:
        if not self._left:
            self._left = True
            self._counters.leave(self._caller, self._ticket)

    def _spend(self, usage: Usage) -> None:
        if tokens := usage.prompt_tokens + usage.completion_tokens:
            self._counters.spend(self._caller, tokens)


def admitted(exchange: Exchange, place: Place) -> Quota:
    """The quota of a request, which counts from now on. Raises :class:`RateLimited` and :class:`QuotaExceeded`."""
    principal, counters = exchange.principal, exchange.service.counters
    ticket = random_id()
    standing = counters.admit(principal.id, principal.allowance, ticket)
    exchange.limits = limit_headers(principal.allowance, standing)
    if standing.refused:
        raise _refusal(principal.allowance, standing)
    quota = Quota(counters, principal.id, ticket)
    if principal.allowance.streams:
        place.on_leave = quota.leave_soon
    return quota


def _refusal(allowance: Allowance, standing: Standing) -> AgentAPIError:
    wait = {"Retry-After": str(math.ceil(standing.wait))}
    if standing.refused == "tokens":
        message = f"You have used the {allowance.tokens_per_day} tokens that you have for a day (UTC)."
        return QuotaExceeded(message, headers={**wait, **NO_RETRY})
    if standing.refused == "requests":
        message = f"You may send {allowance.requests_per_minute} requests in a minute, and have done so."
    else:
        message = f"You may have {allowance.streams} requests answered at the same time, and have so many now."
    return RateLimited(f"{message} Try again in {duration(math.ceil(standing.wait))}.", headers=wait)


def limit_headers(allowance: Allowance, standing: Standing) -> Mapping[str, str]:
    """How a caller stands, by the names that OpenAI has for it. Only limits that there are."""
    headers: dict[str, str] = {}
    for name, limit, used, reset in (
        ("requests", allowance.requests_per_minute, standing.requests, standing.requests_reset),
        ("tokens", allowance.tokens_per_day, standing.tokens, standing.tokens_reset),
    ):
        if limit:
            headers[f"x-ratelimit-limit-{name}"] = str(limit)
            headers[f"x-ratelimit-remaining-{name}"] = str(max(0, limit - used))
            headers[f"x-ratelimit-reset-{name}"] = duration(reset)
    return headers


def duration(seconds: float) -> str:
    """As OpenAI writes it: ``12ms``, ``1.5s``, ``6m0s``, ``7h12m0s``."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    if seconds < 60:
        return f"{math.ceil(seconds * 1000) / 1000:g}s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"
