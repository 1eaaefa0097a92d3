"""Which counters go with which store."""

from __future__ import annotations

from ..conversations.stores import is_redis
from .base import Counters
from .memory import MemoryCounters


def open_counters(store: str) -> Counters:
    """Those that all who share the store of a URL share: in Redis, otherwise of each process for itself."""
    if not is_redis(store):
        return MemoryCounters()
    from .redis import RedisCounters

    return RedisCounters(store)
