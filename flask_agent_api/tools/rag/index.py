"""Keeping an index up to date with its documents, once per machine and beside the requests.

Of all processes one does the work, the one with the lock file; the others read what is there. The work is done file by
file in native threads, so requests never wait for it, and what is done stays done: after a restart it goes on.
"""

from __future__ import annotations

import contextvars
import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from operator import length_hint
from typing import Protocol

from ...concurrency import FAILURES
from ...concurrency import offload
from ...concurrency import sleep
from ...concurrency import spawn
from ...concurrency import Task
from ...errors import ModelError
from ...models.called_by_tools import usage_outside_runs
from ...per_process import PerProcess
from ...types import Usage
from .chunking import Chunk
from .chunking import Chunking
from .chunking import chunks_of
from .documents import Documents
from .documents import Unreadable
from .store import Document
from .store import Store

LOOK_SECONDS = 5.0
"""How long documents are taken to be as they were when they were last looked at."""

RETRY_SECONDS = 60.0
"""How long an index that could not be made is left alone."""

_LOCK_SECONDS = 0.1
_BATCH_CHARS = 100_000
_REPORT_SECONDS = 10.0

logger = logging.getLogger("flask_agent_api.rag")


class Embedder(Protocol):
    """Makes the vectors of an index that has some, and works on ``parallel`` files at a time."""

    @property
    def parallel(self) -> int: ...

    def vectors(self, path: str, chunks: Sequence[Chunk], known: Mapping[str, bytes]) -> list[bytes]:
        """A vector for each chunk of a document; ``known`` has those of before by text. Raises ModelError."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an index is: documents in it and in all, whether work on it goes on, and what went wrong."""

    done: int
    total: int
    busy: bool
    problem: str


@dataclass(slots=True)
class _State:
    """What this process knows of the index."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    task: Task | None = None
    next_look: float = 0.0
    total: int = 0
    problem: str = ""


class _OtherVectors(Exception):
    """The model makes vectors of another length than those in the index, which have gone."""


@dataclass(frozen=True, slots=True)
class _Work:
    """The documents whose part of the index is missing or old, with their stamps, and those that are gone."""

    changed: Mapping[str, str]
    gone: Sequence[str]
    total: int


class Index:
    """The index of some documents in one ``store``: of their words or, with an ``embedder``, of their vectors."""

    def __init__(
        self, name: str, store: Store, documents: Documents, chunking: Chunking, embedder: Embedder | None = None
    ) -> None:
        self.name = name
        self.store = store
        self.documents = documents
        self._chunking = chunking
        self._embedder = embedder
        self._state = PerProcess(_State)

    def refresh(self) -> None:
        """Sees to it that the index is brought up to date, unless that was done a moment ago. Does not wait."""
        state = self._state.get()
        with state.lock:
            if time.monotonic() < state.next_look or (state.task and not state.task.join(0)):
                return
            state.next_look = float("inf")
            # In a context of its own: the work outlives the request that happens to begin it.
            state.task = contextvars.Context().run(spawn, self._update, state)

    def wait(self, seconds: float) -> Progress:
        """How far the index is when it is up to date, or after so many seconds."""
        state = self._state.get()
        ended = state.task is None or state.task.join(max(seconds, 0.0))
        done = offload(self._done) if not ended or state.problem else state.total
        return Progress(done, state.total, not ended, state.problem)

    def rebuild(self) -> None:
        """Begins anew: what is in the index cannot be compared with what is asked for."""
        state = self._state.get()
        offload(self.store.clear)
        with state.lock:
            state.next_look = min(state.next_look, 0.0)
        self.refresh()

    def _done(self) -> int:
        try:
            return len(self.store.stamps())
        except (sqlite3.Error, OSError):
            return 0

    def _update(self, state: _State) -> None:
        pause = RETRY_SECONDS
        try:
            self._bring_up_to_date(state)
            pause, state.problem = LOOK_SECONDS, ""
        except ModelError as exc:
            state.problem = exc.message
            logger.warning("rag %s: the index stays as it is for now: %s", self.name, exc.message)
        except (sqlite3.Error, OSError) as exc:
            state.problem = "the server cannot keep an index"
            logger.warning("rag %s: %s cannot be written: %s", self.name, self.store.path, exc)
        except FAILURES:
            state.problem = "the server could not make an index"
            logger.exception("rag %s: the index could not be made", self.name)
        state.next_look = time.monotonic() + pause

    def _bring_up_to_date(self, state: _State) -> None:
        work = offload(self._work)
        state.total = work.total
        if not work.changed and not work.gone:
            return
        with self._lock():
            work = offload(self._work)
            if not (work.changed or work.gone):
                return  # another process was faster
            try:
                self._do(work)
            except _OtherVectors:
                logger.warning("rag %s: the model makes other vectors than before, all is indexed anew", self.name)
                self._do(offload(self._work))

    def _work(self) -> _Work:
        found = self.documents.scan()
        try:
            known = self.store.stamps()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            logger.warning("rag %s: %s is damaged, it is made anew", self.name, self.store.path)
            self.store.destroy()
            known = {}
        changed = {path: stamp for path, stamp in found.items() if known.get(path) != stamp}
        return _Work(changed, [path for path in known if path not in found], len(found))

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Holds the lock of all processes; waits for the one that has it."""
        descriptor = os.open(f"{self.store.path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            while not _locked(descriptor):
                sleep(_LOCK_SECONDS)
            yield
        finally:
            os.close(descriptor)

    def _do(self, work: _Work) -> None:
        began = time.monotonic()
        used: list[Usage] = []
        usage_outside_runs.set(used)  # in the context of this work, which is its own
        logger.info("rag %s: indexing %d of %d documents", self.name, len(work.changed), work.total)
        for path in work.gone:
            offload(self.store.remove, path)
        failures: list[Exception] = []
        documents = iter(list(work.changed.items()))
        for task in [spawn(self._index_some, documents, failures) for _ in range(self._parallel)]:
            while not task.join(_REPORT_SECONDS):
                logger.info("rag %s: %d documents are left to index", self.name, length_hint(documents))
        if failures:
            raise failures[0]
        seconds = time.monotonic() - began
        logger.info("rag %s: %d documents indexed in %.1f s%s", self.name, len(work.changed), seconds, _spent(used))

    @property
    def _parallel(self) -> int:
        return self._embedder.parallel if self._embedder else 1

    def _index_some(self, documents: Iterator[tuple[str, str]], failures: list[Exception]) -> None:
        """Takes documents from all that there are, until one fails."""
        try:
            while not failures and (batch := offload(self._read, documents)):
                if self._embedder is not None:
                    batch = [self._embedded(document, self._embedder) for document in batch]
                offload(self.store.put, batch)
        except Exception as exc:
            failures.append(exc)

    def _read(self, documents: Iterator[tuple[str, str]]) -> list[Document]:
        """The next documents: one to be embedded, since that takes long, else as many as are written at a time."""
        batch, room = [], _BATCH_CHARS
        for path, stamp in documents:
            batch.append(Document(path, stamp, self._chunks(path)))
            room -= sum(len(chunk.text) for chunk in batch[-1].chunks) + 1_000
            if room < 0 or self._embedder is not None:
                break
        return batch

    def _embedded(self, document: Document, embedder: Embedder) -> Document:
        known = offload(self.store.vectors_of, document.path)
        vectors = embedder.vectors(document.path, document.chunks, known)
        if vectors and offload(self.store.vector_bytes) not in (0, len(vectors[0])):
            offload(self.store.clear)
            raise _OtherVectors
        return replace(document, vectors=vectors)

    def _chunks(self, path: str) -> list[Chunk]:
        try:
            return list(chunks_of(self.documents.read(path), self._chunking))
        except Unreadable as exc:
            logger.info("rag %s: %s is left out: %s", self.name, path, exc)
            return []


def _spent(used: Sequence[Usage]) -> str:
    """What the calls of models used, for the log; nothing where there were none or their provider does not say."""
    total = sum(used, Usage())
    tokens = total.prompt_tokens + total.completion_tokens
    return (f", {tokens} tokens" if tokens else "") + (f", {total.cost:.6f} dollars" if total.cost else "")


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
