"""Logs in an SQLite file, for all processes of one machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .base import LeaseLost
from .base import LeaseState
from .base import Log
from .base import LogBusy
from .base import LogInfo
from .base import LogKey
from .base import NO_LOG
from .base import Write
from .complaints import Complaints
from .sqlite_file import Lane
from .sqlite_file import snapshot
from .sqlite_file import transaction

RENEWED_AT_ONCE = 250
"""Leases that one transaction of :meth:`SQLiteStore.renew` looks at, which takes it some milliseconds."""

PRUNED_AT_ONCE = 100
"""Logs that one transaction of :meth:`SQLiteStore.prune` deletes, so that turns do not wait for long."""

PRUNED_IN_ALL = 1000
"""Logs that one call of it deletes."""

_KEY = "kind = ? AND principal = ? AND agent = ? AND name = ?"
_LEASED = "since <= :now AND :now < until"
_FIND = f"""
SELECT id, revision, entries, size, created, used, expires, owner, since, until, unwanted FROM logs WHERE {_KEY}
"""
_CREATE = "INSERT INTO logs (kind, principal, agent, name, created, used, expires) VALUES (?, ?, ?, ?, ?, ?, ?)"
_LEASE = "UPDATE logs SET owner = ?, since = ?, until = ?, unwanted = 0 WHERE id = ?"
_RENEW = "UPDATE logs SET since = ?, until = ? WHERE id = ?"
_RELEASE = "UPDATE logs SET owner = '', since = 0, until = 0 WHERE id = ?"
_SET = "revision = revision + 1, entries = ?, size = ?, used = ?, expires = ?"
_WRITTEN = f"UPDATE logs SET {_SET} WHERE id = ?"
_WRITTEN_AND_RELEASED = f"UPDATE logs SET {_SET}, owner = '', since = 0, until = 0 WHERE id = ?"
_DELETE = "DELETE FROM logs WHERE id = ?"
_ENTRIES = "SELECT data FROM entries WHERE log = ? AND position >= ? ORDER BY position"
_SIZE = "SELECT coalesce(sum(length(data)), 0) FROM entries WHERE log = ? AND position >= ?"
_CUT = "DELETE FROM entries WHERE log = ? AND position >= ?"
_APPEND = "INSERT INTO entries (log, position, data) VALUES (?, ?, ?)"
_LIST = """
SELECT kind, principal, agent, name, entries, size, created, used FROM logs
WHERE kind = :kind AND {whose} AND revision > 0 AND (expires > :now OR {leased})
ORDER BY used DESC, id DESC LIMIT :limit OFFSET :offset
"""
_LIST_ALL = _LIST.format(whose="TRUE", leased=_LEASED)
_LIST_OF_ONE = _LIST.format(whose="principal = :principal", leased=_LEASED)
_COUNT = "SELECT count(*) FROM logs WHERE kind = :kind"
_COUNT_FREE = f"{_COUNT} AND NOT ({_LEASED})"
_ENDED = f"SELECT id FROM logs WHERE kind = :kind AND expires <= :now AND NOT ({_LEASED}) LIMIT :limit"
_UNUSED = f"SELECT id FROM logs WHERE kind = :kind AND NOT ({_LEASED}) ORDER BY used LIMIT :limit"


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    revision: int
    entries: int
    size: int
    created: float
    used: float
    expires: float
    owner: str
    since: float
    until: float
    unwanted: int

    def is_leased(self, now: float) -> bool:
        """A clock that was put back ends leases, and never makes them longer."""
        return self.since <= now < self.until

    def is_held_by(self, owner: str, now: float) -> bool:
        """Whether the lease is still the owner's. To them a clock that was put back does no harm."""
        return self.owner == owner and now < self.until


class SQLiteStore:
    """See :class:`~flask_agent_api.conversations.base.ConversationStore`.

    Each entry is a row, so that a turn reads its log once and writes only what is new. Writes go through one thread
    and reads through another, so that neither the hub nor a reader waits for a lock. A write that ends its lease is on
    the disk when it returns; what else changes survives the end of any process, and the machine's not always: leases,
    and the pieces of what goes on. What is deleted is overwritten in the file; the write-ahead log has it until
    the next :meth:`prune`.
    """

    def __init__(self, path: Path) -> None:
        complaints = Complaints(path)
        self._writer = Lane(path, complaints)
        self._reader = Lane(path, complaints)

    def lease(self, key: LogKey, owner: str, seconds: float) -> Log:
        return self._writer.do(_lease, key, owner, seconds)

    def renew(self, keys: Collection[LogKey], owner: str, seconds: float) -> Mapping[LogKey, LeaseState]:
        states: dict[LogKey, LeaseState] = {}
        every = list(keys)
        for start in range(0, len(every), RENEWED_AT_ONCE):
            states |= self._writer.do(_renew, every[start : start + RENEWED_AT_ONCE], owner, seconds)
        return states

    def release(self, key: LogKey, owner: str) -> None:
        self._writer.do(_release, key, owner)

    def write(self, key: LogKey, owner: str, write: Write) -> None:
        self._writer.do(_write, key, owner, write)

    def read(self, key: LogKey, first: int = 0) -> Log:
        return self._reader.do(_read, key, first)

    def cancel(self, key: LogKey) -> bool:
        return self._writer.do(_cancel, key)

    def delete(self, key: LogKey) -> bool:
        return self._writer.do(_delete, key)

    def list(self, kind: str, principal: str | None = None, limit: int = 100, offset: int = 0) -> Sequence[LogInfo]:
        return self._reader.do(_list, kind, principal, limit, offset)

    def prune(self, kind: str, most: int) -> int:
        """See the protocol. Forgets a thousand in one call at the most: what is left is left to the next."""
        pruned = 0
        while (left := PRUNED_IN_ALL - pruned) and self._reader.do(_is_to_prune, kind, most):
            if not (forgotten := self._writer.do(_prune, kind, most, min(left, PRUNED_AT_ONCE))):
                break
            pruned += forgotten
        self._writer.do(_wipe)
        return pruned

    def close(self) -> None:
        self._writer.close()
        self._reader.close()


def _find(db: sqlite3.Connection, key: LogKey) -> _Row | None:
    found = db.execute(_FIND, (key.kind, key.principal, key.agent, key.id)).fetchone()
    return _Row(*found) if found else None


def _find_alive(db: sqlite3.Connection, key: LogKey, now: float) -> _Row | None:
    """What is kept under the key, unless its time is up and nobody holds it."""
    row = _find(db, key)
    return row if row is not None and (row.expires > now or row.is_leased(now)) else None


def _lease(db: sqlite3.Connection, key: LogKey, owner: str, seconds: float) -> Log:
    with transaction(db) as now:
        row = _find(db, key)
        if row is not None and row.is_leased(now) and row.owner != owner:
            raise LogBusy
        if row is not None and row.expires <= now and not row.is_held_by(owner, now):
            _forget(db, [row.id])
            row = None
        if row is None:
            times = (now, now, now + seconds)
            id = db.execute(_CREATE, (key.kind, key.principal, key.agent, key.id, *times)).lastrowid
        else:
            id = row.id
        db.execute(_LEASE, (owner, now, now + seconds, id))
        return Log(row.revision if row else 0, _entries(db, id, 0) if row else [], leased=True)


def _renew(db: sqlite3.Connection, keys: Collection[LogKey], owner: str, seconds: float) -> Mapping[LogKey, LeaseState]:
    with transaction(db) as now:
        return {key: _renewed(db, key, owner, seconds, now) for key in keys}


def _renewed(db: sqlite3.Connection, key: LogKey, owner: str, seconds: float, now: float) -> LeaseState:
    row = _find(db, key)
    if row is None or not row.is_held_by(owner, now):
        return LeaseState.LOST
    db.execute(_RENEW, (now, now + seconds, row.id))
    return LeaseState.UNWANTED if row.unwanted else LeaseState.HELD


def _release(db: sqlite3.Connection, key: LogKey, owner: str) -> None:
    with transaction(db):
        row = _find(db, key)
        if row is not None and row.owner == owner:
            db.execute(_RELEASE if row.revision else _DELETE, (row.id,))


def _write(db: sqlite3.Connection, key: LogKey, owner: str, write: Write) -> None:
    with transaction(db, durable=write.release) as now:
        row = _find(db, key)
        if row is None or not row.is_held_by(owner, now) or row.revision != write.revision:
            raise LeaseLost
        keep, size = min(write.keep, row.entries), row.size + sum(map(len, write.entries))
        if keep < row.entries:
            size -= db.execute(_SIZE, (row.id, keep)).fetchone()[0]
            db.execute(_CUT, (row.id, keep))
        db.executemany(_APPEND, ((row.id, position, data) for position, data in enumerate(write.entries, keep)))
        written = _WRITTEN_AND_RELEASED if write.release else _WRITTEN
        db.execute(written, (keep + len(write.entries), size, now, now + write.ttl, row.id))


def _read(db: sqlite3.Connection, key: LogKey, first: int) -> Log:
    with snapshot(db) as now:
        row = _find_alive(db, key, now)
        if row is None:
            return NO_LOG
        return Log(row.revision, _entries(db, row.id, first), row.is_leased(now), row.created, row.used)


def _entries(db: sqlite3.Connection, id: int | None, first: int) -> list[bytes]:
    return [data for (data,) in db.execute(_ENTRIES, (id, first))]


def _cancel(db: sqlite3.Connection, key: LogKey) -> bool:
    with transaction(db) as now:
        row = _find(db, key)
        if row is None or not row.is_leased(now):
            return False
        db.execute("UPDATE logs SET unwanted = 1 WHERE id = ?", (row.id,))
        return True


def _delete(db: sqlite3.Connection, key: LogKey) -> bool:
    with transaction(db, durable=True) as now:
        row, alive = _find(db, key), _find_alive(db, key, now)
        _forget(db, [row.id] if row else [])
        return alive is not None and alive.revision > 0


def _list(db: sqlite3.Connection, kind: str, principal: str | None, limit: int, offset: int) -> Sequence[LogInfo]:
    with snapshot(db) as now:
        values = {"kind": kind, "principal": principal, "limit": limit, "offset": offset, "now": now}
        rows = db.execute(_LIST_ALL if principal is None else _LIST_OF_ONE, values)
        return [LogInfo(LogKey(*row[:4]), *row[4:]) for row in rows]


def _is_to_prune(db: sqlite3.Connection, kind: str, most: int) -> bool:
    with snapshot(db) as now:
        values = {"kind": kind, "now": now, "limit": 1}
        return db.execute(_COUNT, values).fetchone()[0] > most or db.execute(_ENDED, values).fetchone() is not None


def _prune(db: sqlite3.Connection, kind: str, most: int, limit: int) -> int:
    with transaction(db) as now:
        values = {"kind": kind, "now": now, "limit": limit}
        ids = [id for (id,) in db.execute(_ENDED, values)]
        if not ids:
            free = db.execute(_COUNT_FREE, values).fetchone()[0]
            values["limit"] = min(limit, max(0, free - most))
            ids = [id for (id,) in db.execute(_UNUSED, values)]
        _forget(db, ids)
        return len(ids)


def _forget(db: sqlite3.Connection, ids: Iterable[int]) -> None:
    for id in ids:
        db.execute(_CUT, (id, 0))
        db.execute(_DELETE, (id,))


def _wipe(db: sqlite3.Connection) -> None:
    """Empties the write-ahead log, unless somebody uses it: their next turn should not wait for this."""
    db.execute("PRAGMA busy_timeout = 0")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
