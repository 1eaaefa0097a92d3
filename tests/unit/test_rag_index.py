"""An index is made once per machine, kept up to date, and found again after a restart."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest

from flask_agent_api.errors import ToolError
from flask_agent_api.models.config import ModelConfig
from flask_agent_api.models.embeddings import EmbeddingModel
from flask_agent_api.settings import Settings
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.tools.filesystem.jail import Jail
from flask_agent_api.tools.rag import index as module
from flask_agent_api.tools.rag.chunking import Chunking
from flask_agent_api.tools.rag.documents import Documents
from flask_agent_api.tools.rag.documents import Source
from flask_agent_api.tools.rag.embedding import ChunkEmbedder
from flask_agent_api.tools.rag.index import Index
from flask_agent_api.tools.rag.retrieval import Keywords
from flask_agent_api.tools.rag.retrieval import Meanings
from flask_agent_api.tools.rag.store import Store

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "caves.md").write_text("Blorks live in caves.\nThey eat gravel.")
    (folder / "trees.md").write_text("Frobs live in trees.\nThey eat leaves.")
    return folder


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


def index(docs: Path, name: str = "words", embedder: ChunkEmbedder | None = None) -> Index:
    documents = Documents(str(docs.parent), [Source.of(Jail(docs), str(docs))])
    return Index(name, Store(docs.parent / "data" / f"{name}.db"), documents, Chunking(), embedder)


def embedder(upstream: FakeUpstream, **more: int) -> ChunkEmbedder:
    config = ModelConfig(provider="test", model="vectors", base_url=upstream.url)
    return ChunkEmbedder(EmbeddingModel(config, Settings(model_retries=0)), **more)


def ready(index: Index) -> module.Progress:
    index.refresh()
    progress = index.wait(10)
    assert not progress.busy
    return progress


def found(strategy: Keywords | Meanings, query: str) -> list[str]:
    ready(strategy.index)
    return [hit.path for hit in strategy.search(query)]


def test_words_are_found_with_their_lines(docs: Path) -> None:
    words = Keywords(index(docs))
    assert ready(words.index) == module.Progress(2, 2, False, "")
    (hit,) = words.search("What do BLORKS eat in caves, gravel?")[:1]
    assert (hit.path, hit.chunk.first_line, hit.chunk.last_line) == ("docs/caves.md", 1, 2)
    assert found(words, "gravel") == ["docs/caves.md"]
    assert found(words, "nothing of this") == []
    with pytest.raises(ToolError, match="no word"):
        words.search("?! the")


def test_a_threshold_and_a_limit_hold(docs: Path) -> None:
    assert found(Keywords(index(docs), limit=1), "live eat") in (["docs/caves.md"], ["docs/trees.md"])
    assert found(Keywords(index(docs), threshold=5.0), "gravel") == []


def test_changes_are_taken_over(docs: Path) -> None:
    words = Keywords(index(docs))
    assert found(words, "gravel sand") == ["docs/caves.md"]
    (docs / "caves.md").write_text("Blorks moved to the sea and eat sand.")
    (docs / "new.md").write_text("More about gravel.")
    assert set(found(words, "gravel sand")) == {"docs/caves.md", "docs/new.md"}
    (docs / "new.md").unlink()
    assert found(words, "gravel") == []
    with closing(sqlite3.connect(words.index.store.path)) as db:
        assert db.execute("SELECT count(*) FROM postings WHERE word = 'gravel'").fetchone() == (0,)


def test_documents_are_looked_at_now_and_then(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 60.0)
    words = Keywords(index(docs))
    assert found(words, "gravel") == ["docs/caves.md"]
    (docs / "caves.md").unlink()
    assert found(words, "gravel") == ["docs/caves.md"]


def test_a_restart_finds_the_index_and_mends_it(docs: Path, upstream: FakeUpstream) -> None:
    upstream.reset()
    upstream.embeddings()
    ready(index(docs, "vectors", embedder(upstream)))
    assert len(upstream.requests) == 2
    os.utime(docs / "caves.md", (1, 1))  # touched, but with the same text
    ready(index(docs, "vectors", embedder(upstream)))
    assert len(upstream.requests) == 2
    (docs / "caves.md").write_text("Blorks left.")
    ready(index(docs, "vectors", embedder(upstream)))
    assert [request.json["input"] for request in upstream.requests[2:]] == [["Blorks left."]]


def test_vectors_are_made_in_batches_and_found_by_likeness(docs: Path, upstream: FakeUpstream) -> None:
    upstream.reset()
    upstream.embeddings()
    (docs / "long.md").write_text("\n".join(f"paragraph {number} {'x' * 1400}" for number in range(5)))
    meanings = Meanings(index(docs, "vectors", made := embedder(upstream, batch=2)), made.model, threshold=0.4)
    assert found(meanings, "caves in which blorks live")[0] == "docs/caves.md"
    assert sorted(len(request.json["input"]) for request in upstream.requests) == [1, 1, 1, 1, 2, 2]
    (hit, *_) = meanings.search("caves in which blorks live")
    assert 0.4 < hit.score <= 1.0
    assert meanings.search("zzz") == []


def test_a_failure_ends_the_work_and_what_was_done_stays(docs: Path, upstream: FakeUpstream) -> None:
    upstream.reset()
    upstream.embeddings(0)
    upstream.answer({"data": [{"index": 0, "embedding": [1.0, 0.0]}]})
    upstream.error(401, "wrong key")
    vectors = index(docs, "vectors", embedder(upstream, parallel=1))
    progress = ready(vectors)
    assert (progress.done, progress.total) == (1, 2)
    assert "401" in progress.problem
    upstream.answer({"data": [{"index": 0, "embedding": [0.0, 1.0]}]})
    assert ready(vectors) == module.Progress(2, 2, False, "")


def test_rate_limits_are_waited_for(docs: Path, upstream: FakeUpstream) -> None:
    upstream.reset()
    upstream.embeddings(0)
    upstream.error(429, "slowly", Retry_After="0.01")
    for _ in range(2):
        upstream.answer({"data": [{"index": 0, "embedding": [1.0, 0.0]}]})
    assert ready(index(docs, "vectors", embedder(upstream, parallel=1))).done == 2


def test_other_vectors_mean_another_index(docs: Path, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture) -> None:
    upstream.reset()
    upstream.embeddings(128)
    meanings = Meanings(index(docs, "vectors", made := embedder(upstream)), made.model, threshold=0.2)
    assert found(meanings, "blorks live in caves")[0] == "docs/caves.md"
    upstream.embeddings(64)
    with pytest.raises(ToolError, match="indexed anew"):
        meanings.search("blorks live in caves")
    assert found(meanings, "blorks live in caves")[0] == "docs/caves.md"
    upstream.embeddings(32)
    (docs / "new.md").write_text("Something new.")
    with caplog.at_level(logging.WARNING):
        assert found(meanings, "something new")[0] == "docs/new.md"
    assert "other vectors" in caplog.text
    assert meanings.index.store.vector_bytes() == 32 * 4


@pytest.mark.parametrize("data", [[], [{"embedding": ["x"]}], [{"embedding": []}], [{"embedding": [1.0]}] * 2, None])
def test_an_answer_without_vectors_is_an_error(docs: Path, upstream: FakeUpstream, data: object) -> None:
    upstream.reset()
    upstream.embeddings(0)
    upstream.answer({"data": data})
    (docs / "trees.md").unlink()
    assert "cannot be read" in ready(index(docs, "vectors", embedder(upstream))).problem


def test_a_damaged_file_is_made_anew(docs: Path) -> None:
    words = Keywords(index(docs))
    assert found(words, "gravel") == ["docs/caves.md"]
    for suffix in ("-wal", "-shm"):
        Path(f"{words.index.store.path}{suffix}").unlink(missing_ok=True)
    words.index.store.path.write_bytes(b"this is no database" * 1000)
    assert found(words, "gravel") == ["docs/caves.md"]


def test_a_place_that_cannot_be_written_is_said(docs: Path) -> None:
    (docs.parent / "data").write_text("in the way")
    words = Keywords(index(docs))
    assert ready(words.index).problem == "the server cannot keep an index"
    with pytest.raises(ToolError, match="cannot be read"):
        words.search("gravel")


def test_another_process_at_work_is_waited_for(docs: Path) -> None:
    words = Keywords(index(docs))
    words.index.store.stamps()  # makes the folder
    with open(f"{words.index.store.path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words.index.refresh()
        assert words.index.wait(0.3) == module.Progress(0, 2, True, "")
    assert ready(words.index).done == 2
    assert [hit.path for hit in words.search("gravel")] == ["docs/caves.md"]


def test_processes_that_start_together_do_the_work_once(docs: Path, upstream: FakeUpstream) -> None:
    upstream.reset()
    upstream.embeddings()
    for number in range(20):
        (docs / f"{number}.md").write_text(f"Document {number}.")
    program = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from pathlib import Path
        from tests.unit.test_rag_index import *
        class At: url = {upstream.url!r}
        progress = ready(index(Path({str(docs)!r}), "vectors", embedder(At())))
        assert (progress.done, progress.problem) == (22, ""), progress
    """
    processes = [subprocess.Popen([sys.executable, "-c", dedent(program)]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert len(upstream.requests) == 22
