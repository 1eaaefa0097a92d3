"""The ways to find chunks: each looks into an index of its own."""

from __future__ import annotations

import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import nlargest
from typing import Protocol

from ...concurrency import offload
from ...errors import ToolError
from ...models.bm25 import rarity
from ...models.bm25 import weight
from ...models.bm25 import words
from ...models.embeddings import EmbeddingModel
from .index import Index
from .similarity import similarities
from .store import Hit
from .store import Store


class Strategy(Protocol):
    """One way to find chunks. ``kind`` is its name in files."""

    @property
    def kind(self) -> str: ...

    @property
    def index(self) -> Index: ...

    def search(self, query: str) -> list[Hit]:
        """The best chunks, the best first. Raises :class:`ToolError` and ModelError."""
        ...


@dataclass(frozen=True, slots=True)
class Keywords:
    """By words, with BM25. Scores are divided by the number of words in the query, as docker-agent does it.

    ``k1`` and ``b`` are those of :func:`~flask_agent_api.models.bm25.weight`; nothing below the ``threshold`` is found.
    """

    index: Index
    limit: int = 5
    threshold: float = 0.0
    k1: float = 1.5
    b: float = 0.75
    kind: str = "bm25"

    def search(self, query: str) -> list[Hit]:
        """The chunks with words of the query. Raises :class:`ToolError` for a query without any."""
        wanted = list(dict.fromkeys(words(query)))
        if not wanted:
            raise ToolError("`query` has no word to search for: name what the documents would name")
        return offload(self._hits, wanted)

    def _hits(self, wanted: list[str]) -> list[Hit]:
        with readable():
            return self.index.store.hits(self._best(self.index.store, wanted))

    def _best(self, store: Store, wanted: list[str]) -> Mapping[int, float]:
        scores: dict[int, float] = defaultdict(float)
        count, mean = store.size()
        for word in wanted:
            found = store.postings(word)
            worth = rarity(len(found), count) / len(wanted)
            for chunk, times, length in found:
                scores[chunk] += worth * weight(times, length / mean, self.k1, self.b)
        enough = ((score, chunk) for chunk, score in scores.items() if score >= self.threshold)
        return {chunk: score for score, chunk in nlargest(self.limit, enough)}


@dataclass(frozen=True, slots=True)
class Meanings:
    """By vectors: what is nearest to the query by the cosine of their angle; nothing below the ``threshold``."""

    index: Index
    model: EmbeddingModel
    limit: int = 5
    threshold: float = 0.5
    kind: str = "chunked-embeddings"

    def search(self, query: str) -> list[Hit]:
        """The chunks that mean something like the query. Raises :class:`ToolError` and ModelError."""
        vector = self.model.embed([query])[0]
        with readable():
            stored = offload(self.index.store.vector_bytes)
            if stored not in (0, len(vector) * vector.itemsize):
                self.index.rebuild()
                raise ToolError("the model makes other vectors now, so the documents are being indexed anew")
        return offload(self._hits, vector)

    def _hits(self, query: array[float]) -> list[Hit]:
        best: list[tuple[float, int]] = []
        with readable():
            for rows in self.index.store.vectors():
                scores = similarities(query, [vector for _, vector in rows])
                found = ((score, chunk) for score, (chunk, _) in zip(scores, rows, strict=True))
                best = nlargest(self.limit, [*best, *(each for each in found if each[0] >= self.threshold)])
            return self.index.store.hits({chunk: score for score, chunk in best})


@contextmanager
def readable() -> Iterator[None]:
    """Turns what an index file fails with into a :class:`ToolError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        raise ToolError("the index of the documents cannot be read now") from exc
