"""Which logs there are: hints, kept beside the logs and verified against them by who reads.

A write notes its log here first; so there may be hints of logs that are gone, which are cleaned when they are seen, but
no log without its hint. For each kind, and for each kind and principal, a sorted set has the logs in the order of their
last write; for each kind another has them in the order in which their time is up.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from .base import LogKey
from .redis_client import Command
from .redis_client import RedisClient
from .redis_scripts import INDEX
from .redis_scripts import UNINDEX

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Hint:
    """A log as it was noted when it was last written, at ``score``."""

    key: LogKey
    score: bytes


class RedisIndex:
    """The hints of one store."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    def note(self, key: LogKey, ttl: int) -> Sequence[Command]:
        """What notes that a log is written now, for ``ttl`` milliseconds. To be asked together with the write."""
        member = _member(key)
        of_caller, of_kind, ends = self._sets(key)
        return INDEX.call([of_caller], member, ttl), INDEX.call([of_kind, ends], member, ttl)

    def drop(self, key: LogKey) -> Sequence[Command]:
        """What forgets a log. To be asked together with its deletion, before it: who writes then notes it anew."""
        return [("ZREM", name, _member(key)) for name in self._sets(key)]

    def last_used_first(self, kind: str, principal: str | None) -> Iterator[Sequence[Hint]]:
        """Pages of hints."""
        return self._pages(self._set(kind, principal), "ZREVRANGEBYSCORE", "+inf", "-inf")

    def first_used_first(self, kind: str) -> Iterator[Sequence[Hint]]:
        """Pages of hints."""
        return self._pages(self._set(kind), "ZRANGEBYSCORE", "-inf", "+inf")

    def due(self, kind: str) -> Iterator[Sequence[Hint]]:
        """Pages of hints of logs whose time is up, if nobody held them meanwhile."""
        return self._pages(self._set(kind, suffix="ends"), "ZRANGEBYSCORE", "-inf", str(int(time.time() * 1e6)))

    def count(self, kind: str) -> int:
        """How many hints there are of a kind."""
        (count,) = self._client.ask(("ZCARD", self._set(kind)))
        return int(count)

    def clean(self, hints: Sequence[Hint], *, of_kind: bool = True) -> None:
        """Removes hints of logs that are gone, unless these were written again since; in one set or all of them."""
        commands: list[Command] = []
        for hint in hints:
            member, (of_caller, kind, ends) = _member(hint.key), self._sets(hint.key)
            commands.append(UNINDEX.call([of_caller], member, hint.score))
            if of_kind:
                commands.append(UNINDEX.call([kind, ends], member, hint.score))
        if commands:
            self._client.ask(*commands)

    def _pages(self, name: str, command: str, start: str, stop: str) -> Iterator[Sequence[Hint]]:
        after: str | bytes = start
        while True:
            (found,) = self._client.ask((command, name, after, stop, "WITHSCORES", "LIMIT", 0, _PAGE))
            hints = [Hint(_key(member), score) for member, score in zip(found[::2], found[1::2], strict=True)]
            if not hints:
                return
            yield hints
            after = b"(" + hints[-1].score

    def _sets(self, key: LogKey) -> tuple[str, str, str]:
        return (
            self._set(key.kind, key.principal),
            self._set(key.kind),
            self._set(key.kind, suffix="ends"),
        )

    def _set(self, kind: str, principal: str | None = None, suffix: str = "used") -> str:
        tag = quote(kind, safe="") + ("" if principal is None else f":{digest(principal)}")
        return f"{self._client.prefix}{{{tag}}}:{suffix}"


def digest(*names: str) -> str:
    """A name for a key of Redis, whatever is in the names."""
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()[:32]


def _member(key: LogKey) -> str:
    return json.dumps([key.kind, key.principal, key.agent, key.id], separators=(",", ":"))


def _key(member: bytes) -> LogKey:
    return LogKey(*json.loads(member))
