"""The tables of the SQLite store, and how older files come to have them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

_FIRST = (
    # A log's row has what a lease needs to look at. `since` is when the lease was taken, or renewed for the last time.
    """
    CREATE TABLE logs (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL, principal TEXT NOT NULL, agent TEXT NOT NULL, name TEXT NOT NULL,
        revision INTEGER NOT NULL DEFAULT 0, entries INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL, used REAL NOT NULL, expires REAL NOT NULL,
        owner TEXT NOT NULL DEFAULT '', since REAL NOT NULL DEFAULT 0, until REAL NOT NULL DEFAULT 0,
        unwanted INTEGER NOT NULL DEFAULT 0,
        UNIQUE (kind, principal, agent, name)
    )
    """,
    "CREATE INDEX logs_by_use ON logs (kind, used)",
    "CREATE INDEX logs_of_principal_by_use ON logs (kind, principal, used)",
    "CREATE INDEX logs_by_end ON logs (kind, expires)",
    """
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY,
        log INTEGER NOT NULL, position INTEGER NOT NULL, data BLOB NOT NULL,
        UNIQUE (log, position)
    )
    """,
)

MIGRATIONS: tuple[Sequence[str], ...] = (_FIRST,)
"""The first ones make the tables of a new file; each later entry takes a file of that version to the next one.

Only ever add one: files of all versions are out there.
"""


class UnknownFile(Exception):
    """A file that is not ours, or not yet ours to read."""


def migrate(db: sqlite3.Connection) -> None:
    """Takes a file to the latest version, all the way or not at all.

    Raises :class:`UnknownFile` for one that a newer version of this package wrote, and for other people's.
    """
    if _version(db) == len(MIGRATIONS):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        _migrate(db)
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _migrate(db: sqlite3.Connection) -> None:
    version = _version(db)  # again: another process may have been here first
    if version > len(MIGRATIONS):
        raise UnknownFile(f"it has the format {version}, and this version of the server knows {len(MIGRATIONS)}")
    if version == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise UnknownFile("it holds something else; conversations need a file of their own")
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
