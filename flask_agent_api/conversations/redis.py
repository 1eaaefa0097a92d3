"""Logs in Redis: for several machines, and for those that keep no files."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import secrets
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from .base import LeaseLost
from .base import LeaseState
from .base import Log
from .base import LogBusy
from .base import LogInfo
from .base import LogKey
from .base import NO_LOG
from .base import Write
from .redis_client import RedisClient
from .redis_index import digest
from .redis_index import Hint
from .redis_index import RedisIndex
from .redis_scripts import Argument
from .redis_scripts import Call
from .redis_scripts import CANCEL
from .redis_scripts import DELETE
from .redis_scripts import FORGET
from .redis_scripts import LEASE
from .redis_scripts import READ
from .redis_scripts import RELEASE
from .redis_scripts import RENEW
from .redis_scripts import Script
from .redis_scripts import WRITE


class RedisStore:
    """See :class:`~flask_agent_api.conversations.base.ConversationStore`. Safe in threads and greenlets.

    ``url`` is ``redis://``, ``rediss://`` or ``unix://``, see
    :class:`~flask_agent_api.conversations.redis_connections.Connections`. Needs the extra:
    ``pip install 'flask-agent-api[redis]'``. A log's last use is its last write.
    """

    def __init__(self, url: str) -> None:
        self._client = RedisClient(url)
        self._index = RedisIndex(self._client)

    def lease(self, key: LogKey, owner: str, seconds: float) -> Log:
        found = self._run(LEASE, key, owner, _milliseconds(seconds))
        if found is None:
            raise LogBusy
        revision, entries = found
        return Log(revision, entries, leased=True)

    def renew(self, keys: Collection[LogKey], owner: str, seconds: float) -> Mapping[LogKey, LeaseState]:
        states = self._client.ask(*(self._command(RENEW, key, owner, _milliseconds(seconds)) for key in keys))
        return {key: LeaseState(state.decode()) for key, state in zip(keys, states, strict=True)}

    def release(self, key: LogKey, owner: str) -> None:
        self._run(RELEASE, key, owner)

    def write(self, key: LogKey, owner: str, write: Write) -> None:
        ttl = _milliseconds(write.ttl)
        head = (owner, write.revision, write.keep, ttl, int(write.release))
        command = self._command(WRITE, key, *head, _stamp(head, write.entries), *write.entries)
        *_, written = self._client.ask(*self._index.note(key, ttl), command)
        if not written:
            raise LeaseLost

    def read(self, key: LogKey, first: int = 0) -> Log:
        found = self._run(READ, key, first)
        if found is None:
            return NO_LOG
        revision, leased, entries, created, used = found
        return Log(revision, entries, bool(leased), created / 1000, used / 1000)

    def cancel(self, key: LogKey) -> bool:
        return bool(self._run(CANCEL, key))

    def delete(self, key: LogKey) -> bool:
        command = DELETE.call([self._name(key), self._name(key, "deleted")], secrets.token_hex(8))
        *_, deleted = self._client.ask(*self._index.drop(key), command)
        return bool(deleted)

    def list(self, kind: str, principal: str | None = None, limit: int = 100, offset: int = 0) -> Sequence[LogInfo]:
        return [*itertools.islice(self._infos(kind, principal), offset, offset + limit)]

    def _infos(self, kind: str, principal: str | None) -> Iterator[LogInfo]:
        for hints in self._index.last_used_first(kind, principal):
            heads = self._client.ask(*(("LINDEX", self._name(hint.key), 0) for hint in hints))
            found = [(hint, head and json.loads(head)) for hint, head in zip(hints, heads, strict=True)]
            self._index.clean([hint for hint, head in found if head is None], of_kind=principal is None)
            yield from (_info(hint.key, head) for hint, head in found if head and head["revision"])

    def prune(self, kind: str, most: int) -> int:
        forgotten = 0
        for hints in self._index.due(kind):
            there = self._client.ask(*(("EXISTS", self._name(hint.key)) for hint in hints))
            forgotten += self._clean(hints, [not exists for exists in there])
        excess = self._index.count(kind) - most
        for hints in self._index.first_used_first(kind) if excess > 0 else ():
            some = hints[:excess]
            gone = self._client.ask(*(self._command(FORGET, hint.key) for hint in some))
            cleaned = self._clean(some, gone)
            forgotten, excess = forgotten + cleaned, excess - cleaned
            if excess <= 0:
                break
        return forgotten

    def _clean(self, hints: Sequence[Hint], gone: Sequence[object]) -> int:
        stale = [*itertools.compress(hints, gone)]
        self._index.clean(stale)
        return len(stale)

    def close(self) -> None:
        self._client.close()

    def _run(self, script: Script, key: LogKey, *arguments: Argument) -> Any:
        (answer,) = self._client.ask(self._command(script, key, *arguments))
        return answer

    def _command(self, script: Script, key: LogKey, *arguments: Argument) -> Call:
        return script.call([self._name(key)], *arguments)

    def _name(self, key: LogKey, what: str = "log") -> str:
        return f"{self._client.prefix}{{{digest(key.kind, key.principal, key.agent, key.id)}}}:{what}"


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)


def _stamp(head: tuple[str | int, ...], entries: Sequence[bytes]) -> str:
    """The same for the same write only, so that Redis knows one that it has done already."""
    stamp = hashlib.blake2b(json.dumps([*head, *map(len, entries)]).encode(), digest_size=16)
    for entry in entries:
        stamp.update(entry)
    return stamp.hexdigest()


def _info(key: LogKey, head: Mapping[str, Any]) -> LogInfo:
    return LogInfo(key, head["count"], head["size"], head["created"] / 1000, head["used"] / 1000)
