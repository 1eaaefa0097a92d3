"""Collections of documents in docker-agent files, from the file to the model's prompt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api import create_app
from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.origin import fetched_from
from flask_agent_api.formats.origin import HERE
from flask_agent_api.formats.origin import Origin
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.tools.rag.embedding import ChunkEmbedder
from flask_agent_api.tools.rag.retrieval import Keywords
from flask_agent_api.tools.rag.retrieval import Meanings
from flask_agent_api.tools.rag.toolset import RagToolset

WORDS = "strategies: [{type: bm25}]"


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


def load(
    folder: Path, collection: str, agent: str = "toolsets: [{type: rag, ref: kb}]", origin: Origin = HERE, **more: Any
) -> ModelAgent:
    """The agent of a team with one collection of documents, whose warnings are the team's, too."""
    file = folder / "team.yaml"
    (folder / "docs").mkdir(exist_ok=True)
    (folder / "docs" / "caves.md").write_text("Blorks live in caves.")
    file.write_text(
        f"agents: {{root: {{model: openai/gpt-5, {agent}}}}}\n"
        "models: {vectors: {provider: openai, model: small}}\n"
        f"rag: {{kb: {{{collection}}}}}\n"
    )
    team = load_docker_agent(file, Settings(data_dir=str(folder / "data"), **more), {"OPENAI_API_KEY": "k"}, origin)
    found = team.agents["root"]
    assert isinstance(found, ModelAgent)
    warnings.clear()
    warnings.extend(str(each) for each in (*team.warnings, *found.warnings))
    return found


warnings: list[str] = []
"""Those of the file that was loaded last."""


def toolset(agent: ModelAgent) -> RagToolset:
    (found,) = agent.toolsets
    assert isinstance(found, RagToolset)
    return found


def strategies(agent: ModelAgent) -> Any:
    return toolset(agent)._strategies


@pytest.mark.parametrize("agent", ["toolsets: [{type: rag, ref: kb}]", "rag: [kb]"])
def test_both_forms_name_a_collection(tmp_path: Path, agent: str) -> None:
    loaded = load(tmp_path, f"docs: [docs], {WORDS}", agent)
    assert toolset(loaded).name == "kb"
    assert warnings == []


def test_a_collection_may_stand_in_the_toolset(tmp_path: Path) -> None:
    entry = f"toolsets: [{{type: rag, name: mine, rag_config: {{docs: [docs], {WORDS}}}}}]"
    assert toolset(load(tmp_path, WORDS, entry)).name == "mine"


def test_what_the_file_says_reaches_the_tool(tmp_path: Path) -> None:
    tool = "tool: {name: my docs, description: About blorks., instruction: Search first.}"
    (loaded,) = load(tmp_path, f"{tool}, docs: [docs], {WORDS}").toolsets
    assert loaded.name == "my_docs"
    assert isinstance(loaded, RagToolset)
    assert loaded._tools[0].description == "About blorks."
    assert loaded._instruction == "Search first."


def test_the_options_of_strategies(tmp_path: Path) -> None:
    words = "{type: bm25, k1: 2, b: 0, limit: 7, threshold: 0.3, database: ./x.db, chunking: {size: 100, overlap: 90}}"
    vectors = (
        "{type: chunked-embeddings, embedding_model: vectors, vector_dimensions: 8, threshold: 0, batch_size: 999}"
    )
    first, second = strategies(load(tmp_path, f"docs: [docs], strategies: [{words}, {vectors}]"))
    assert isinstance(first, Keywords)
    assert (first.k1, first.b, first.limit, first.threshold) == (2, 0, 7, 0.3)
    assert (first.index._chunking.size, first.index._chunking.overlap) == (100, 50)
    assert isinstance(second, Meanings)
    assert (second.kind, second.limit, second.threshold, second.model.name) == (
        "chunked-embeddings",
        5,
        0,
        "openai/small",
    )
    embedder = second.index._embedder
    assert isinstance(embedder, ChunkEmbedder)
    assert (embedder.batch, embedder.parallel) == (200, 3)
    assert first.index.store.path != second.index.store.path
    assert first.index.store.path.parent == tmp_path / "data" / "rag" / "team"


def test_other_settings_make_another_index(tmp_path: Path) -> None:
    def file(collection: str) -> Path:
        (strategy,) = strategies(load(tmp_path, collection))
        path: Path = strategy.index.store.path
        return path

    assert file(f"docs: [docs], {WORDS}") == file("docs: [docs], strategies: [{type: bm25, limit: 9, k1: 2}]")
    others = {
        file(f"docs: [docs], {WORDS}"),
        file(f"docs: [docs/caves.md], {WORDS}"),
        file(f"docs: [docs], respect_vcs: false, {WORDS}"),
        file("docs: [docs], strategies: [{type: bm25, chunking: {size: 99}}]"),
        file("docs: [docs], strategies: [{type: chunked-embeddings, embedding_model: vectors}]"),
        file("docs: [docs], strategies: [{type: chunked-embeddings, embedding_model: auto}]"),
        file("docs: [docs], strategies: [{type: semantic-embeddings, embedding_model: auto, chat_model: openai/x}]"),
    }
    assert len(others) == 7


@pytest.mark.parametrize(
    ("collection", "problem"),
    [
        ("docs: [docs]", "needs `strategies`"),
        ("strategies: []", "needs `strategies`"),
        ("strategies: [{}]", "needs a `type`"),
        ("strategies: [{type: bm26}]", "expected one of bm25"),
        ("strategys: [{type: bm25}]", 'did you mean "strategies"'),
        ("strategies: [{type: bm25, b: 2}]", "a number from 0 to 1"),
        ("strategies: [{type: bm25, chunking: {size: 0}}]", "1 or more"),
        ("strategies: [{type: chunked-embeddings}]", "need an `embedding_model`"),
        ("strategies: [{type: chunked-embeddings, embedding_model: vektors}]", "vektors"),
        ("strategies: [{type: semantic-embeddings, embedding_model: vectors}]", "need a `chat_model`"),
        (f"{WORDS}, results: {{fusion: {{strategy: sum}}}}", "expected one of rrf"),
        (f"{WORDS}, results: {{reranking: {{}}}}", "needs a `model`"),
        (f"{WORDS}, results: {{fusion: {{weights: {{bm25: a lot}}}}}}", "a mapping of strategies to numbers"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, collection: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        load(tmp_path, collection)
    assert "team.yaml:3: rag.kb" in caught.value.message


@pytest.mark.parametrize("agent", ["toolsets: [{type: rag, ref: kbb}]", "rag: [kbb]", "toolsets: [{type: rag}]"])
def test_a_collection_that_is_not_there_is_an_error(tmp_path: Path, agent: str) -> None:
    with pytest.raises(ConfigError, match="there is no collection of documents"):
        load(tmp_path, WORDS, agent)


def test_what_has_no_effect_is_a_warning(tmp_path: Path) -> None:
    chunking = "chunking: {code_aware: true}"
    load(tmp_path, f"docs: [docs], strategies: [{{type: bm25, {chunking}}}], results: {{prefetch: {{enabled: true}}}}")
    assert [text.partition(": ")[2].partition(":")[0] for text in warnings] == [
        "rag.kb.strategies[0].chunking.code_aware",
        "rag.kb.results.prefetch",
    ]


def test_documents_stay_in_the_folder_or_in_the_operators(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "outside.md").write_text("Outside.")
    collection = f"docs: [../outside.md, /etc, docs, nothing], {WORDS}"
    (strategy,) = strategies(load(inner, collection))
    assert set(strategy.index.documents.scan()) == {"docs/caves.md"}
    assert [text.partition("rag.kb.docs: ")[2][:20] for text in warnings][2:] == ["there is nothing at "]
    assert all("left out" in text for text in warnings[:2])
    (strategy,) = strategies(load(inner, collection, working_dir=str(tmp_path)))
    assert set(strategy.index.documents.scan()) == {"docs/caves.md", "../outside.md"}
    assert strategy.index.documents.read("../outside.md") == "Outside."


def test_a_file_from_elsewhere_searches_nothing(tmp_path: Path) -> None:
    origin = fetched_from("hub:a/b", Settings())
    for agent in ("toolsets: [{type: rag, ref: kb}]", "rag: [kb]"):
        (found,) = load(tmp_path, f"docs: [docs], {WORDS}", agent, origin).toolsets
        assert not isinstance(found, RagToolset)


def asked(folder: Path, upstream: FakeUpstream, collection: str) -> tuple[Any, list[Any]]:
    """What the tool gave, in a team that is served, and all requests of its models."""
    load(folder, collection)
    app = create_app(
        {
            "AGENT_API_AGENTS": [str(folder / "team.yaml")],
            "AGENT_API_DATA_DIR": str(folder / "data"),
            "AGENT_API_GATEWAY": upstream.url,
        }
    )
    answer = app.test_client().post(
        "/v1/chat/completions", json={"model": "root", "messages": [{"role": "user", "content": "Hello"}]}
    )
    assert answer.status_code == 200, answer.get_json()
    requests = upstream.requests
    (told,) = [message["content"] for message in requests[-1].json["messages"] if message["role"] == "tool"]
    return json.loads(told), requests


def test_a_hybrid_search_from_the_file_to_the_model(tmp_path: Path, upstream: FakeUpstream) -> None:
    upstream.reset()
    upstream.embeddings()
    upstream.tool_call("kb", {"query": "where blorks live"})
    upstream.text('{"scores": [0.75]}')
    upstream.text("In caves.")
    vectors = "{type: chunked-embeddings, embedding_model: vectors, threshold: 0.2}"
    results = "results: {fusion: {strategy: rrf, k: 60}, reranking: {model: openai/judge, threshold: 0.5}}"
    found, requests = asked(tmp_path, upstream, f"docs: [docs], strategies: [{{type: bm25}}, {vectors}], {results}")
    assert [(each["source_path"], each["similarity"], each["lines"]) for each in found] == [
        ("docs/caves.md", 0.75, "1-1")
    ]
    assert {request.json["model"] for request in requests} == {"gpt-5", "small", "judge"}


def test_descriptions_are_what_is_found(tmp_path: Path, upstream: FakeUpstream) -> None:
    strategy = "type: semantic-embeddings, embedding_model: vectors, chat_model: openai/writer, threshold: 0.2"
    (made,) = strategies(load(tmp_path, f"docs: [docs], strategies: [{{{strategy}}}]", gateway=upstream.url))
    upstream.reset()
    upstream.embeddings()
    upstream.text("Underground dwellings.")
    made.index.refresh()
    assert made.index.wait(10).done == 1
    assert [hit.path for hit in made.search("dwellings underground")] == ["docs/caves.md"]
    assert upstream.requests[0].json["model"] == "writer"
    assert upstream.requests[1].json["input"] == ["File: docs/caves.md\n\nUnderground dwellings."]
