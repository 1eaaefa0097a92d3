"""The toolset ``rag``: one tool that searches a collection of documents."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

from ...concurrency import offload
from ...context import RunContext
from ...errors import ModelError
from ...errors import ToolError
from ...types import JSONSchema
from ..base import Tool
from .chunking import Chunk
from .documents import Unreadable
from .fusion import distinct
from .fusion import Fusion
from .index import Progress
from .reranking import Reranker
from .retrieval import Strategy
from .store import Hit

MOST_QUERY_CHARS = 4_000

_SHARE = 0.5
"""Of the time that a call has: how long it waits for an index that is being made."""

logger = logging.getLogger("flask_agent_api.rag")


@dataclass(frozen=True, slots=True)
class Results:
    """What becomes of the hits: how they are fused, judged and shown. ``limit`` is how many there are at the most.

    With ``whole`` a hit shows all of its document.
    """

    limit: int = 10
    fusion: Fusion = field(default_factory=Fusion)
    reranker: Reranker | None = None
    deduplicate: bool = True
    whole: bool = False


class RagToolset:
    """Searches documents by one strategy or several. Their indexes are begun when an agent first shows its tools."""

    kind = "rag"

    def __init__(
        self, name: str, strategies: Sequence[Strategy], results: Results, description: str = "", instruction: str = ""
    ) -> None:
        self.name = name
        self._strategies = tuple(strategies)
        self._instruction = instruction or (
            f"Look for what you need with {name} before you answer from memory: ask for it in the words that the "
            "documents would use, and name the files that your answer comes from."
        )
        description = description or f"Search the documents of {name}. Gives the parts that fit the query best."
        self._tools = (_Search(name, description, self._strategies, results),)

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The one tool."""
        for strategy in self._strategies:
            strategy.index.refresh()
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """The author's, or when to search."""
        return self._instruction


class _Search:
    read_only = True
    timeout: float | None = None
    needs = ""
    parameters: JSONSchema = {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "What to look for."}},
        "required": ["query"],
    }

    def __init__(self, name: str, description: str, strategies: Sequence[Strategy], results: Results) -> None:
        self.name = name
        self.description = description
        self._strategies = strategies
        self._results = results

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """The best parts of the documents, as JSON. Raises :class:`ToolError` if nothing can be searched.

        While an index is being made, a call waits for half of its time, then takes what is there and says so.
        """
        query = arguments.get("query")
        if not isinstance(query, str) or not query.strip():
            raise ToolError("`query` must be a text that says what to look for")
        query = query.strip()[:MOST_QUERY_CHARS]
        seconds = min(ctx.settings.tool_timeout, ctx.remaining)
        deadline = time.monotonic() + seconds
        progress = self._wait(time.monotonic() + seconds * _SHARE)
        hits = self._results.fusion.fuse(self._rankings(query, progress))
        if self._results.reranker is not None:
            hits = self._results.reranker.rank(query, hits, deadline)
        return _shown(self._finished(hits), ctx.settings.tool_output_chars, _notes(progress))

    def _wait(self, until: float) -> list[Progress]:
        for strategy in self._strategies:
            strategy.index.refresh()
        return [strategy.index.wait(until - time.monotonic()) for strategy in self._strategies]

    def _rankings(self, query: str, progress: Sequence[Progress]) -> list[tuple[str, list[Hit]]]:
        """What each strategy finds. One that fails is left out as long as another one does not."""
        rankings, problems = [], []
        for strategy, state in zip(self._strategies, progress, strict=True):
            if state.total and not state.done:
                problems.append(state.problem or "the documents are still being indexed; try again in a minute")
                continue
            try:
                rankings.append((strategy.kind, strategy.search(query)))
            except ModelError as exc:
                problems.append(exc.message)
            except ToolError as exc:
                problems.append(str(exc))
        if not rankings:
            raise ToolError(f"nothing can be searched: {'; '.join(dict.fromkeys(problems))}")
        for problem in problems:
            logger.warning("rag %s: searched without one of its strategies: %s", self.name, problem)
        return rankings

    def _finished(self, hits: Sequence[Hit]) -> list[Hit]:
        hits = hits[: self._results.limit]
        if self._results.whole:
            hits = offload(self._whole, hits)
        return distinct(hits) if self._results.deduplicate else list(hits)

    def _whole(self, hits: Sequence[Hit]) -> list[Hit]:
        """The hits with all of their documents' text, as far as that can be read."""
        texts = [(hit, self._text(hit)) for hit in hits]
        return [replace(hit, chunk=Chunk(hit.chunk.number, 1, text.count("\n") + 1, text)) for hit, text in texts]

    def _text(self, hit: Hit) -> str:
        for strategy in self._strategies:
            try:
                return strategy.index.documents.read(hit.path)
            except Unreadable:
                continue
        return hit.chunk.text


def _shown(hits: Sequence[Hit], room: int, notes: Sequence[str]) -> str:
    """The hits as docker-agent's JSON, as many as there is room for; the last one may be cut."""
    found: list[dict[str, Any]] = []
    for hit in hits:
        entry = {
            "source_path": hit.path,
            "content": hit.chunk.text,
            "similarity": round(hit.score, 4),
            "chunk_index": hit.chunk.number,
            "lines": f"{hit.chunk.first_line}-{hit.chunk.last_line}",
        }
        left = room - len(json.dumps(found, ensure_ascii=False)) - len(hit.path) - 300
        if left < len(hit.chunk.text):
            found.append(entry | {"content": f"{hit.chunk.text[: max(left // 2, 0)]} [cut]"})
            notes = [*notes, f"{len(hits) - len(found)} results are left out: there is no room for them."]
            break
        found.append(entry)
    return "\n".join([json.dumps(found, ensure_ascii=False), *notes])


def _notes(progress: Sequence[Progress]) -> list[str]:
    if not any(state.total for state in progress):
        return ["There are no documents."]
    late = [state for state in progress if state.done < state.total]
    return [f"Only {state.done} of {state.total} documents are indexed so far." for state in late[:1]]
