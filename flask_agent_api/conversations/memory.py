"""Logs in the memory of one process: for development and tests, and for one worker that may forget."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from .base import LeaseLost
from .base import LeaseState
from .base import Log
from .base import LogBusy
from .base import LogInfo
from .base import LogKey
from .base import NO_LOG
from .base import Write


@dataclass(slots=True)
class _Kept:
    created: float
    used: float
    expires: float
    revision: int = 0
    entries: list[bytes] = field(default_factory=list)
    owner: str = ""
    until: float = 0.0
    unwanted: bool = False


class MemoryStore:
    """See :class:`~flask_agent_api.conversations.base.ConversationStore`. Safe in threads; nothing in it waits."""

    def __init__(self) -> None:
        self._logs: dict[LogKey, _Kept] = {}
        self._lock = threading.Lock()

    def lease(self, key: LogKey, owner: str, seconds: float) -> Log:
        with self._lock:
            now = time.time()
            kept = self._find(key, now) or self._logs.setdefault(key, _Kept(now, now, now + seconds))
            if _is_leased(kept, now) and kept.owner != owner:
                raise LogBusy
            kept.owner, kept.until, kept.unwanted = owner, now + seconds, False
            return Log(kept.revision, list(kept.entries), leased=True)

    def renew(self, keys: Collection[LogKey], owner: str, seconds: float) -> Mapping[LogKey, LeaseState]:
        with self._lock:
            return {key: self._renewed(key, owner, seconds, time.time()) for key in keys}

    def _renewed(self, key: LogKey, owner: str, seconds: float, now: float) -> LeaseState:
        kept = self._find(key, now)
        if kept is None or not _is_leased(kept, now) or kept.owner != owner:
            return LeaseState.LOST
        kept.until = now + seconds
        return LeaseState.UNWANTED if kept.unwanted else LeaseState.HELD

    def release(self, key: LogKey, owner: str) -> None:
        with self._lock:
            kept = self._logs.get(key)
            if kept is None or kept.owner != owner:
                return
            kept.owner, kept.until = "", 0.0
            if not kept.revision:
                del self._logs[key]

    def write(self, key: LogKey, owner: str, write: Write) -> None:
        with self._lock:
            now = time.time()
            kept = self._find(key, now)
            if kept is None or not _is_leased(kept, now) or (kept.owner, kept.revision) != (owner, write.revision):
                raise LeaseLost
            kept.entries[write.keep :] = write.entries
            kept.revision += 1
            kept.used, kept.expires = now, now + write.ttl
            if write.release:
                kept.owner, kept.until = "", 0.0

    def read(self, key: LogKey, first: int = 0) -> Log:
        with self._lock:
            now = time.time()
            kept = self._find(key, now)
            if kept is None:
                return NO_LOG
            return Log(kept.revision, kept.entries[first:], _is_leased(kept, now), kept.created, kept.used)

    def cancel(self, key: LogKey) -> bool:
        with self._lock:
            now = time.time()
            kept = self._find(key, now)
            if kept is None or not _is_leased(kept, now):
                return False
            kept.unwanted = True
            return True

    def delete(self, key: LogKey) -> bool:
        with self._lock:
            kept = self._find(key, time.time())
            self._logs.pop(key, None)
            return kept is not None and kept.revision > 0

    def list(self, kind: str, principal: str | None = None, limit: int = 100, offset: int = 0) -> Sequence[LogInfo]:
        with self._lock:
            now = time.time()
            keys = [key for key in self._logs if key.kind == kind and principal in (None, key.principal)]
            found = [(key, kept) for key in keys if (kept := self._find(key, now)) and kept.revision]
        found.sort(key=lambda each: each[1].used, reverse=True)
        return [_info(key, kept) for key, kept in found[offset : offset + limit]]

    def prune(self, kind: str, most: int) -> int:
        with self._lock:
            now, before = time.time(), len(self._logs)
            free = [key for key in self._logs if key.kind == kind]
            left = [key for key in free if (kept := self._find(key, now)) and not _is_leased(kept, now)]
            left.sort(key=lambda key: self._logs[key].used)
            for key in left[: max(0, len(left) - most)]:
                del self._logs[key]
            return before - len(self._logs)

    def close(self) -> None:
        """There is nothing to end, and what is kept stays."""

    def _find(self, key: LogKey, now: float) -> _Kept | None:
        """What is kept under the key, unless its time is up and nobody holds it."""
        kept = self._logs.get(key)
        if kept is None or kept.expires > now or _is_leased(kept, now):
            return kept
        del self._logs[key]
        return None


def _is_leased(kept: _Kept, now: float) -> bool:
    return kept.until > now


def _info(key: LogKey, kept: _Kept) -> LogInfo:
    return LogInfo(key, len(kept.entries), sum(map(len, kept.entries)), kept.created, kept.used)
