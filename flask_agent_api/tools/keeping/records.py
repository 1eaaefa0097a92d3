"""What toolsets keep beyond a run: records in an SQLite file, apart for each caller."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import closing
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import TypeAlias
from typing import TypeVar

from ...errors import ToolError
from ...settings import Settings
from ..contained import contained
from ..contained import NotReadable

Record: TypeAlias = dict[str, Any]
Records: TypeAlias = dict[str, Record]
"""All records of one kind and one caller, by id, the oldest first."""

T = TypeVar("T")

VERSION = 1
"""Of the tables. It stands in the file, so that a later version knows what it finds."""

BUSY_SECONDS = 5.0
"""How long a writer waits for others, in this process and in others."""

_TABLE = """
CREATE TABLE flask_agent_api_records (
    kind TEXT NOT NULL, principal TEXT NOT NULL, id TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (kind, principal, id)
)
"""
_SELECT = "SELECT id, record FROM flask_agent_api_records WHERE kind = ? AND principal = ? ORDER BY rowid"
_UPSERT = """
INSERT INTO flask_agent_api_records (kind, principal, id, record) VALUES (?, ?, ?, ?)
ON CONFLICT (kind, principal, id) DO UPDATE SET record = excluded.record
"""
_DELETE = "DELETE FROM flask_agent_api_records WHERE kind = ? AND principal = ? AND id = ?"

logger = logging.getLogger("flask_agent_api.tools")


@dataclass(frozen=True, slots=True)
class RecordFile:
    """Where records are: a file ``name`` in ``folder``, or in the server's data folder if that is None."""

    name: str
    folder: Path | None = None

    def path(self, settings: Settings) -> Path:
        """The file, wherever links lead inside of the folder. Raises :class:`ToolError` if they lead out of it."""
        if self.folder is None and not settings.data_dir:
            raise ToolError("nothing can be kept here: the operator has to set AGENT_API_DATA_DIR")
        try:
            return contained(self.folder or Path(os.path.abspath(settings.data_dir)), self.name)
        except NotReadable as exc:
            raise ToolError(f"nothing can be kept in this file: {exc}") from exc


@dataclass(frozen=True, slots=True)
class Shelf:
    """The records of one kind that belong to one caller. Its methods block in C: call them off the hub.

    A connection lasts for one call. So no thread, process or fork ever shares one, and to open it costs little beside
    the model call that each tool call comes with.
    """

    path: Path
    kind: str
    principal: str

    def read(self) -> Records:
        """All records; none if the file is not there. Raises :class:`ToolError`."""
        if not self.path.exists():
            return {}
        with _opened(self.path) as db:
            return {id_: json.loads(text) for id_, text in self._rows(db).items()}

    def change(self, change: Callable[[Records], T]) -> T:
        """Has ``change`` alter the records, and keeps what it made of them: all of it, or nothing if it raises.

        Nobody else changes the file meanwhile. Raises :class:`ToolError`.
        """
        with _opened(self.path) as db, db:
            db.execute("BEGIN IMMEDIATE")
            stored = self._rows(db)
            records: Records = {id_: json.loads(text) for id_, text in stored.items()}
            result = change(records)
            self._save(db, stored, records)
            return result

    def _rows(self, db: sqlite3.Connection) -> dict[str, str]:
        return dict(db.execute(_SELECT, (self.kind, self.principal)))

    def _save(self, db: sqlite3.Connection, stored: Mapping[str, str], records: Records) -> None:
        for id_ in stored.keys() - records.keys():
            db.execute(_DELETE, (self.kind, self.principal, id_))
        for id_, record in records.items():
            if (text := json.dumps(record)) != stored.get(id_):
                db.execute(_UPSERT, (self.kind, self.principal, id_, text))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that has our table. What fails of it is in the log, and a :class:`ToolError` here."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not path.exists()
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as db:
            if is_new:  # by its path: to close a second descriptor of the file would end SQLite's own locks on it
                path.chmod(0o600)
            _prepare(db)
            yield db
    except (sqlite3.Error, OSError) as exc:
        logger.exception("%s cannot be used", path)
        raise ToolError(f"what is kept cannot be reached at the moment ({type(exc).__name__})") from exc


def _prepare(db: sqlite3.Connection) -> None:
    """Makes the table in a new file. Raises :class:`ToolError` for a file with tables of another version."""
    if _version(db) == 0:
        with suppress(sqlite3.OperationalError):  # another process is at it: what it sets holds for the file
            db.execute("PRAGMA journal_mode = WAL")
        with db:
            db.execute("BEGIN IMMEDIATE")
            if _version(db) == 0:
                db.execute(_TABLE)
                db.execute(f"PRAGMA user_version = {VERSION}")
    if (version := _version(db)) != VERSION:
        raise ToolError(f"what is kept has the format {version}, and this server only knows {VERSION}")
    db.execute("PRAGMA synchronous = NORMAL")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
