"""The fields of ``rag`` in docker-agent's files, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

from ..section import ANY
from ..section import COUNT
from ..section import Fields
from ..section import FLAG
from ..section import is_number
from ..section import Kind
from ..section import LIST
from ..section import MAPPING
from ..section import number
from ..section import one_of
from ..section import POSITIVE
from ..section import TEXT
from ..section import TEXTS

STRATEGIES = ("bm25", "chunked-embeddings", "semantic-embeddings")

_WEIGHTS = Kind(
    "a mapping of strategies to numbers",
    lambda value: isinstance(value, dict) and all(map(is_number, value.values())),
    {"type": "object", "additionalProperties": {"type": "number"}},
)

RAG = Fields(
    {"tool": MAPPING, "docs": TEXTS, "respect_vcs": FLAG, "strategies": LIST, "results": MAPPING, "description": TEXT},
    {"indexing_timeout": ANY},
)
RAG_TOOL = Fields({"name": TEXT, "description": TEXT, "instruction": TEXT})
RAG_STRATEGY = Fields(
    {
        "type": one_of(*STRATEGIES),
        "docs": TEXTS,
        "respect_vcs": FLAG,
        "limit": POSITIVE,
        "threshold": number(0, 1_000),
        "chunking": MAPPING,
        "database": TEXT,
        "k1": number(0, 1_000),
        "b": number(0, 1),
        "embedding_model": TEXT,
        "vector_dimensions": POSITIVE,
        "similarity_metric": one_of("cosine_similarity"),
        "embedding_batch_size": POSITIVE,
        "batch_size": POSITIVE,
        "max_embedding_concurrency": POSITIVE,
        "max_indexing_concurrency": POSITIVE,
        "chat_model": TEXT,
        "semantic_prompt": TEXT,
    },
    {"ast_context": FLAG},
)
RAG_CHUNKING = Fields({"size": POSITIVE, "overlap": COUNT, "respect_word_boundaries": FLAG}, {"code_aware": FLAG})
RAG_RESULTS = Fields(
    {
        "limit": POSITIVE,
        "fusion": MAPPING,
        "reranking": MAPPING,
        "deduplicate": FLAG,
        "include_score": FLAG,
        "return_full_content": FLAG,
    },
    {"prefetch": ANY, "topology_prior": ANY},
)
RAG_FUSION = Fields(
    {"strategy": one_of("rrf", "reciprocal_rank_fusion", "weighted", "max"), "k": POSITIVE, "weights": _WEIGHTS}
)
RAG_RERANKING = Fields({"model": TEXT, "top_k": COUNT, "threshold": number(0, 1), "criteria": TEXT})

DOCS: Mapping[str, Mapping[str, str]] = {
    "rag": {
        "tool": "How its tool is called and described.",
        "docs": "Files, folders and patterns like `docs/**/*.md`, from the file's folder on, for all strategies.",
        "respect_vcs": "Leave out what `.gitignore` names; true if nothing is said.",
        "strategies": "One way to search, or several.",
        "results": "What becomes of what they find.",
        "description": "What it is; the tool's description if that has none.",
        "indexing_timeout": "How long indexing may take.",
    },
    "rag_tool": {
        "name": "The tool's name; that of the collection if nothing is said.",
        "description": "What the model reads about the tool.",
        "instruction": "What the system prompt says about it.",
    },
    "rag_strategy": {
        "type": "`bm25` (words), `chunked-embeddings` (vectors) or `semantic-embeddings` (vectors of descriptions).",
        "docs": "More documents, for this strategy alone.",
        "respect_vcs": "In the place of the collection's own.",
        "limit": "How much it finds at the most; 5 if nothing is said.",
        "threshold": "The score below which nothing is found: 0 for words, 0.5 for vectors if nothing is said.",
        "chunking": "How documents are cut.",
        "database": "docker-agent's place for the index. Here it is in `AGENT_API_DATA_DIR`.",
        "k1": "How much it counts that a word comes again; 1.5 if nothing is said.",
        "b": "How much of a chunk's length is made up for, from 0 to 1; 0.75 if nothing is said.",
        "embedding_model": "The model that makes vectors: a name in `models`, `provider/model`, or `auto`.",
        "vector_dimensions": "How many numbers a vector has. What the model makes is taken.",
        "similarity_metric": "How vectors are compared.",
        "embedding_batch_size": "Chunks in one request for vectors, up to 200; 50 if nothing is said.",
        "batch_size": "The older name of `embedding_batch_size`.",
        "max_embedding_concurrency": "As `max_indexing_concurrency`, if that is not there.",
        "max_indexing_concurrency": "Documents that are worked on at a time; 3 if nothing is said.",
        "chat_model": "The model that describes chunks, for `semantic-embeddings`.",
        "semantic_prompt": "What it is asked, with `${path}`, `${basename}`, `${chunk_index}` and `${content}`.",
        "ast_context": "Tell it of the syntax tree.",
    },
    "rag_chunking": {
        "size": "Characters of a chunk at the most; 1500 if nothing is said, 4000 with `code_aware`.",
        "overlap": "Characters that a chunk has in common with the one before; 75 if nothing is said.",
        "respect_word_boundaries": "Cut no words, which is always so here.",
        "code_aware": "Cut source code by its syntax.",
    },
    "rag_results": {
        "limit": "Results at the most; 10 if nothing is said.",
        "fusion": "How several strategies become one ranking.",
        "reranking": "A model that judges the results.",
        "deduplicate": "Show the same text once; true if nothing is said.",
        "include_score": "Scores are always shown.",
        "return_full_content": "Show whole documents.",
        "prefetch": "Remember the results of queries.",
        "topology_prior": "Prefer the neighbours of earlier results.",
    },
    "rag_fusion": {
        "strategy": "`rrf` (by ranks), `weighted` (by the sum of scores) or `max` (by the best score).",
        "k": "How little the first ranks stand out, for `rrf`; 60 if nothing is said.",
        "weights": "Numbers by strategy, for `weighted`; 1 for one that is not named.",
    },
    "rag_reranking": {
        "model": "The chat model that judges.",
        "top_k": "How many results it judges; 0: as many as are shown.",
        "threshold": "The score below which a result is left out; 0.5 if nothing is said.",
        "criteria": "What counts, in the author's words.",
    },
}
"""What each field means, by part."""
