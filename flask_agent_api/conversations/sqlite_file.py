"""An SQLite file that many processes write at a time: connections, transactions, and what fails of them."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..concurrency import native_lock
from ..native_thread import NativeThread
from .base import StoreUnavailable
from .complaints import Complaints
from .sqlite_schema import migrate
from .sqlite_schema import UnknownFile

T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long a call waits for others, in this process and in others, before the store counts as unavailable."""

WAL_BYTES = 4 * 1024 * 1024
"""What the write-ahead log is cut to when its content has moved to the file. SQLite moves it at about this size."""

_creating = native_lock()


class Lane:
    """A connection to the file in a thread of its own, for calls one after the other.

    Several writers in one process would only wait for each other, and in SQLite by sleeping and looking again.
    """

    def __init__(self, path: Path, complaints: Complaints) -> None:
        self._path = path
        self._complaints = complaints
        self._thread = NativeThread()
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] = (0, 0)
        self._waits = 0.0

    def do(self, work: Callable[..., T], *args: object) -> T:
        """Calls ``work`` with the connection and what else there is. Raises what it raises.

        Raises :class:`StoreUnavailable` if SQLite fails, or others keep the file for more than five seconds.
        """
        result: T = self._thread.call(self._do, time.monotonic() + BUSY_SECONDS, work, args)
        return result

    def close(self) -> None:
        """Ends the connection and the thread, after the calls that were made before."""
        self._thread.call(self._disconnect)
        self._thread.close()

    def _do(self, until: float, work: Callable[..., T], args: tuple[object, ...]) -> T:
        if self._db is not None and _identity(self._path) != self._file:
            # The connection stays: to close it would delete the write-ahead log of what is in the file's place now.
            self._complaints.say(UnknownFile("it was moved or deleted while in use; restart the server"))
            raise StoreUnavailable
        try:
            return work(self._connected(until), *args)
        except (sqlite3.Error, OSError, UnknownFile) as exc:
            self._complaints.say(exc)
            self._disconnect()
            raise StoreUnavailable from exc

    def _connected(self, until: float) -> sqlite3.Connection:
        """The connection, which waits ``until`` then for others."""
        left = max(0.0, until - time.monotonic())
        if self._db is None:
            self._db, self._waits = _connect(self._path, left), left
            self._file = _identity(self._path)
        elif abs(left - self._waits) > 0.1:
            self._db.execute(f"PRAGMA busy_timeout = {round(left * 1000)}")
            self._waits = left
        return self._db

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()


@contextmanager
def transaction(db: sqlite3.Connection, durable: bool = False) -> Iterator[float]:
    """Writes all of its block or nothing, and gives it the time, by which others are done with the file.

    What is written survives the end of this process in any case; if ``durable``, also that of the machine.
    """
    if durable:
        db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN IMMEDIATE")
    try:
        yield time.time()
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
        if durable:
            db.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[float]:
    """Has all of its block read the same state, whoever writes meanwhile, and gives it the time."""
    db.execute("BEGIN")
    try:
        yield time.time()
    finally:
        db.execute("ROLLBACK")


def _connect(path: Path, timeout: float) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _creating:  # to close a file also ends the locks that SQLite has on it elsewhere in this process
        if not path.exists():
            path.touch(mode=0o600)
    db = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    with ExitStack() as undo:
        undo.callback(db.close)
        _prepare(db)
        undo.pop_all()
    return db


def _prepare(db: sqlite3.Connection) -> None:
    migrate(db)
    with suppress(sqlite3.OperationalError):  # another process has just begun to write: the next connection does it
        db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA secure_delete = ON")


def _identity(path: Path) -> tuple[int, int]:
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        return (0, 0)
    return (stat.st_dev, stat.st_ino)
