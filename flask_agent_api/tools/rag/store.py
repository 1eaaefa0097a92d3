"""The file that an index is kept in: chunks of documents, with their words or their vectors, in SQLite.

Everything here waits for the disk, so it is called off the hub. Each file's chunks are replaced in one transaction:
whoever reads meanwhile, in this process or in another one, sees the old ones or the new ones.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import closing
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...models.bm25 import words
from .chunking import Chunk

VERSION = 1
"""Of the tables and of how texts are cut into chunks and words. Another one makes another index."""

_BUSY_SECONDS = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, stamp TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunks (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, number INTEGER NOT NULL, first_line INTEGER NOT NULL,
    last_line INTEGER NOT NULL, words INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS chunks_of_files ON chunks (path);
CREATE INDEX IF NOT EXISTS lengths ON chunks (words);
CREATE TABLE IF NOT EXISTS postings (
    word TEXT NOT NULL, chunk INTEGER NOT NULL, count INTEGER NOT NULL, words INTEGER NOT NULL,
    PRIMARY KEY (word, chunk)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vectors (chunk INTEGER PRIMARY KEY, vector BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found; a higher ``score`` is better."""

    path: str
    chunk: Chunk
    score: float


@dataclass(frozen=True, slots=True)
class Document:
    """What an index has of a document. Without ``vectors``, one for each chunk, it is found by its words."""

    path: str
    stamp: str
    chunks: Sequence[Chunk]
    vectors: Sequence[bytes] | None = None


class Store:
    """One index. ``path`` and its folders are made when they are needed. Methods raise sqlite3.Error and OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamps(self) -> dict[str, str]:
        """The documents that are in the index, with what tells that one has changed."""
        with self._connection() as db:
            return dict(db.execute("SELECT path, stamp FROM files"))

    def put(self, documents: Sequence[Document]) -> None:
        """Puts documents in, all or none of them, in place of what was there of them."""
        with self._connection() as db, _transaction(db):
            postings: list[tuple[str, int, int, int]] = []
            for document in documents:
                _remove(db, document.path)
                db.execute("INSERT INTO files VALUES (?, ?)", (document.path, document.stamp))
                if document.vectors is None:
                    postings += (row for chunk in document.chunks for row in _put_words(db, document.path, chunk))
                    continue
                for chunk, vector in zip(document.chunks, document.vectors, strict=True):
                    db.execute("INSERT INTO vectors VALUES (?, ?)", (_put(db, document.path, chunk, 0), vector))
            postings.sort()  # neighbours in the table are written together
            db.executemany("INSERT INTO postings VALUES (?, ?, ?, ?)", postings)

    def remove(self, path: str) -> None:
        """Takes a document out."""
        with self._connection() as db, _transaction(db):
            _remove(db, path)

    def clear(self) -> None:
        """Takes all documents out."""
        with self._connection() as db, _transaction(db):
            for table in ("files", "chunks", "postings", "vectors"):
                db.execute(f"DELETE FROM {table}")

    def destroy(self) -> None:
        """Removes the file, which is not what it should be."""
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").unlink()

    def vectors_of(self, path: str) -> dict[str, bytes]:
        """The vectors of a document by the text of their chunk."""
        query = "SELECT text, vector FROM chunks JOIN vectors ON chunk = id WHERE path = ?"
        with self._connection() as db:
            return dict(db.execute(query, (path,)))

    def vectors(self, batch: int = 200) -> Iterator[list[tuple[int, bytes]]]:
        """All vectors with the ids of their chunks, some at a time."""
        with self._connection() as db:
            found = db.execute("SELECT chunk, vector FROM vectors")
            while rows := found.fetchmany(batch):
                yield rows

    def vector_bytes(self) -> int:
        """How long the vectors are; 0 if there are none."""
        with self._connection() as db:
            row = db.execute("SELECT length(vector) FROM vectors LIMIT 1").fetchone()
            return row[0] if row else 0

    def size(self) -> tuple[int, float]:
        """How many chunks there are, and the mean of their words."""
        with self._connection() as db:
            count, total = db.execute("SELECT count(*), total(words) FROM chunks").fetchone()
            return count, total / max(count, 1) or 1.0

    def postings(self, word: str) -> list[tuple[int, int, int]]:
        """The chunks with a word: id, how often it is in there, and how many words there are."""
        with self._connection() as db:
            return db.execute("SELECT chunk, count, words FROM postings WHERE word = ?", (word,)).fetchall()

    def hits(self, scores: Mapping[int, float]) -> list[Hit]:
        """The chunks of these ids with their scores, the best first."""
        query = "SELECT path, number, first_line, last_line, text FROM chunks WHERE id = ?"
        with self._connection() as db:
            rows = [(db.execute(query, (chunk,)).fetchone(), score) for chunk, score in scores.items()]
        found = [Hit(row[0], Chunk(*row[1:]), score) for row, score in rows if row]  # some may have gone meanwhile
        return sorted(found, key=lambda hit: -hit.score)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        is_new = not self.path.exists()
        if is_new:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA cache_size = -32768")  # KiB
            if is_new or not db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'vectors'").fetchone()[0]:
                with suppress(sqlite3.OperationalError):  # another process is at it: what it sets holds for the file
                    db.execute("PRAGMA journal_mode = WAL")
                db.executescript(_TABLES)
            yield db


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    with db:
        db.execute("BEGIN IMMEDIATE")
        yield


def _put(db: sqlite3.Connection, path: str, chunk: Chunk, length: int) -> int:
    query = "INSERT INTO chunks (path, number, first_line, last_line, words, text) VALUES (?, ?, ?, ?, ?, ?)"
    values = (path, chunk.number, chunk.first_line, chunk.last_line, length, chunk.text)
    return db.execute(query, values).lastrowid or 0


def _put_words(db: sqlite3.Connection, path: str, chunk: Chunk) -> Iterator[tuple[str, int, int, int]]:
    found = Counter(words(chunk.text))
    length = found.total()
    number = _put(db, path, chunk, length)
    yield from ((word, number, count, length) for word, count in found.items())


def _remove(db: sqlite3.Connection, path: str) -> None:
    for chunk, text in db.execute("SELECT id, text FROM chunks WHERE path = ?", (path,)).fetchall():
        db.executemany(
            "DELETE FROM postings WHERE word = ? AND chunk = ?", ((word, chunk) for word in set(words(text)))
        )
        db.execute("DELETE FROM vectors WHERE chunk = ?", (chunk,))
    db.execute("DELETE FROM chunks WHERE path = ?", (path,))
    db.execute("DELETE FROM files WHERE path = ?", (path,))
