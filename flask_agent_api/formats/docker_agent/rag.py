"""The collections of documents of docker-agent files, and the tools that search them.

They stand at the top, in ``rag``. Agents name them in ``toolsets: [{type: rag, ref: NAME}]``, or up to version 7 of the
format in ``rag: [NAME]``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from ...errors import ConfigError
from ...models.embeddings import EmbeddingModel
from ...settings import Settings
from ...tools.base import Toolset
from ...tools.names import fit_name
from ...tools.rag.chunking import Chunking
from ...tools.rag.embedding import ChunkEmbedder
from ...tools.rag.embedding import MOST_IN_BATCH
from ...tools.rag.embedding import Summaries
from ...tools.rag.fusion import Fusion
from ...tools.rag.index import Index
from ...tools.rag.reranking import Reranker
from ...tools.rag.retrieval import Keywords
from ...tools.rag.retrieval import Meanings
from ...tools.rag.retrieval import Strategy
from ...tools.rag.store import Store
from ...tools.rag.store import VERSION
from ...tools.rag.toolset import RagToolset
from ...tools.rag.toolset import Results
from ..section import did_you_mean
from ..section import Section
from .models import ModelLoader
from .rag_documents import DocumentLoader
from .rag_fields import RAG
from .rag_fields import RAG_CHUNKING
from .rag_fields import RAG_FUSION
from .rag_fields import RAG_RERANKING
from .rag_fields import RAG_RESULTS
from .rag_fields import RAG_STRATEGY
from .rag_fields import RAG_TOOL
from .rag_models import embedding_config

_RESULTS = 10
_CODE_CHUNK = 4_000
_NOWHERE = "instance/agent_api"  # where Flask would have it: the settings of an app always name a folder


def rag_entries(agent: Section) -> Iterator[Section]:
    """The collections that an agent names in ``rag``, as entries of toolsets."""
    for name in agent.texts("rag"):
        yield Section(agent.document, (*agent.where, "rag"), {"type": "rag", "ref": name}, agent.warnings)


class RagToolsets:
    """Makes the toolsets of the collections of one team; agents that name the same one share it.

    Raises :class:`ConfigError` for a collection that is wrong, whether it is used or not.
    """

    def __init__(
        self, top: Section, folder: Path, settings: Settings, environ: Mapping[str, str], models: ModelLoader
    ) -> None:
        self._stem = top.document.path.stem
        self._documents = DocumentLoader(folder, settings, environ)
        self._data = Path(settings.data_dir or _NOWHERE).absolute() / "rag"
        self._settings = settings
        self._environ = environ
        self._models = models
        self._collections = top.section("rag")
        self._made: dict[str, Toolset] = {}
        for name in self._collections.data:
            _check(self._collections.section(name).with_warnings([]))

    def toolset(self, agent: str, entry: Section) -> Toolset:
        """The toolset of an entry, which names a collection or holds one. Raises :class:`ConfigError`."""
        if entry.has("rag_config"):
            return self._toolset(entry.text("name") or "rag", entry.section("rag_config"))
        name = entry.text("ref")
        if name not in self._collections.data:
            hint = did_you_mean(name, self._collections.data) or "; `rag` at the top of the file defines them"
            raise entry.error("ref" if name else None, f'there is no collection of documents "{name}"{hint}')
        if name not in self._made:
            self._made[name] = self._toolset(name, self._collections.section(name))
        return self._made[name]

    def _toolset(self, name: str, section: Section) -> Toolset:
        _check(section)
        tool = section.section("tool")
        strategies = [self._strategy(name, section, each) for each in section.sections("strategies")]
        return RagToolset(
            fit_name(tool.text("name") or name),
            strategies,
            self._results(section.section("results")),
            tool.text("description") or section.text("description"),
            tool.text("instruction"),
        )

    def _strategy(self, name: str, collection: Section, section: Section) -> Strategy:
        kind, limit, threshold = section.text("type"), section.data.get("limit") or 5, section.data.get("threshold")
        if kind == "bm25":
            k1, b = section.data.get("k1"), section.data.get("b")
            index = self._index(name, collection, section, None)
            return Keywords(index, limit, threshold or 0.0, 1.5 if k1 is None else k1, 0.75 if b is None else b)
        embedder = self._embedder(section)
        index = self._index(name, collection, section, embedder)
        return Meanings(index, embedder.model, limit, 0.5 if threshold is None else threshold, kind)

    def _embedder(self, section: Section) -> ChunkEmbedder:
        config = embedding_config(self._models, section, self._environ, self._settings)
        try:
            model = EmbeddingModel(config, self._settings)
        except ConfigError as exc:
            raise section.error("embedding_model", exc.message) from exc
        batch = section.data.get("embedding_batch_size") or section.data.get("batch_size") or 50
        parallel = section.data.get("max_indexing_concurrency") or section.data.get("max_embedding_concurrency") or 3
        return ChunkEmbedder(model, min(batch, MOST_IN_BATCH), min(parallel, 16), self._summaries(section))

    def _summaries(self, section: Section) -> Summaries | None:
        if section.text("type") != "semantic-embeddings":
            return None
        if not section.text("chat_model"):
            raise section.error(None, "semantic-embeddings need a `chat_model`, which describes the chunks")
        chat_model = self._models.model(section.text("chat_model"), section, "chat_model")
        return Summaries(chat_model, section.text("semantic_prompt"))

    def _index(self, name: str, collection: Section, section: Section, embedder: ChunkEmbedder | None) -> Index:
        """The index of a strategy. Its file is named for all that makes it what it is, so others never meet it."""
        documents = self._documents.load(collection, section)
        chunking = _chunking(section.section("chunking"))
        identity = [VERSION, section.text("type"), documents.identity, chunking.size, chunking.overlap]
        if embedder is not None:
            identity += [embedder.model.name, embedder.model.address]
        if embedder is not None and embedder.summaries is not None:
            identity += [embedder.summaries.model.name, embedder.summaries.prompt]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
        file = self._data / fit_name(self._stem) / f"{fit_name(name)}-{section.text('type')}-{digest}.db"
        return Index(f"{name}/{section.text('type')}", Store(file), documents, chunking, embedder)

    def _results(self, section: Section) -> Results:
        fusion, limit = section.section("fusion"), section.data.get("limit") or _RESULTS
        how = fusion.text("strategy", "rrf")
        return Results(
            limit=limit,
            fusion=Fusion(
                "rrf" if how == "reciprocal_rank_fusion" else how,
                fusion.data.get("k") or 60,
                fusion.data.get("weights") or {},
            ),
            reranker=self._reranker(section.section("reranking"), limit) if section.has("reranking") else None,
            deduplicate=section.data.get("deduplicate") is not False,
            whole=section.data.get("return_full_content") is True,
        )

    def _reranker(self, section: Section, limit: int) -> Reranker:
        if not section.text("model"):
            raise section.error(None, "reranking needs a `model`")
        threshold = section.data.get("threshold")
        return Reranker(
            self._models.model(section.text("model"), section, "model"),
            section.data.get("top_k") or limit,
            0.5 if threshold is None else threshold,
            section.text("criteria"),
        )


def _chunking(section: Section) -> Chunking:
    default = _CODE_CHUNK if section.data.get("code_aware") is True else 1500
    size, overlap = section.data.get("size") or default, section.data.get("overlap")
    return Chunking(size, min(75 if overlap is None else overlap, size // 2))


def _check(section: Section) -> None:
    """Raises :class:`ConfigError` for a field of a collection that is wrong; warns of what has no effect."""
    section.check(RAG)
    section.section("tool").check(RAG_TOOL)
    if not section.sections("strategies"):
        raise section.error(None, "a collection of documents needs `strategies`, at least one")
    for strategy in section.sections("strategies"):
        if not strategy.has("type"):
            raise strategy.error(None, "a strategy needs a `type`")
        strategy.check(RAG_STRATEGY)
        strategy.section("chunking").check(RAG_CHUNKING)
    results = section.section("results")
    results.check(RAG_RESULTS)
    results.section("fusion").check(RAG_FUSION)
    results.section("reranking").check(RAG_RERANKING)
