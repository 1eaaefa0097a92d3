"""From the hits of strategies to what the model reads."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ModelUnavailable
from flask_agent_api.errors import ToolError
from flask_agent_api.models.base import Finish
from flask_agent_api.models.base import ModelEvent
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.settings import Settings
from flask_agent_api.tools.rag.chunking import Chunk
from flask_agent_api.tools.rag.documents import Unreadable
from flask_agent_api.tools.rag.embedding import Summaries
from flask_agent_api.tools.rag.fusion import distinct
from flask_agent_api.tools.rag.fusion import Fusion
from flask_agent_api.tools.rag.index import Progress
from flask_agent_api.tools.rag.reranking import Reranker
from flask_agent_api.tools.rag.store import Hit
from flask_agent_api.tools.rag.toolset import RagToolset
from flask_agent_api.tools.rag.toolset import Results


def hit(path: str, score: float = 1.0, text: str = "") -> Hit:
    return Hit(path, Chunk(0, 3, 7, text or f"text of {path}"), score)


def paths(hits: Sequence[Hit]) -> list[str]:
    return [each.path for each in hits]


@dataclass
class Stub:
    """A strategy whose index is as a test says; it is its own index and documents."""

    hits: Sequence[Hit] = ()
    kind: str = "bm25"
    progress: Progress = field(default_factory=lambda: Progress(1, 1, False, ""))
    fails: Exception | None = None
    waited: float = 0.0

    @property
    def index(self) -> Any:
        return self

    @property
    def documents(self) -> Any:
        return self

    def refresh(self) -> None: ...

    def wait(self, seconds: float) -> Progress:
        self.waited = seconds
        return self.progress

    def search(self, query: str) -> list[Hit]:
        if self.fails:
            raise self.fails
        return list(self.hits)

    def read(self, path: str) -> str:
        if path == "gone":
            raise Unreadable
        return f"all\nof\n{path}"


@dataclass
class Judge:
    """A model that says one thing, or fails."""

    says: str = ""
    fails: Exception | None = None
    asked: list[str] = field(default_factory=list)
    name: str = "judge"

    def stream(self, request: ModelRequest) -> Iterator[list[ModelEvent]]:
        self.asked.append(str(request.messages[0]["content"]))
        if self.fails:
            raise self.fails
        yield [self.says, Finish("stop")]


def search(*strategies: Stub, results: Results | None = None, query: Any = "blorks", **settings: Any) -> str:
    toolset = RagToolset("kb", strategies, results or Results())  # type: ignore[arg-type]
    (tool,) = toolset.tools(ctx := RunContext(Settings(**settings)))
    answer = tool.call({"query": query}, ctx)
    assert isinstance(answer, str)
    return answer


def test_ranks_are_fused() -> None:
    words, meanings = [hit("a", 9), hit("b", 8)], [hit("b", 0.9), hit("c", 0.8)]
    fused = Fusion().fuse([("bm25", words), ("chunked-embeddings", meanings)])
    assert paths(fused) == ["b", "a", "c"]
    assert [each.score for each in fused] == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62])


def test_scores_are_weighed_or_the_best_one_counts() -> None:
    rankings = [("bm25", [hit("a", 0.5), hit("b", 0.4)]), ("chunked-embeddings", [hit("b", 0.3), hit("c", 0.9)])]
    weighed = Fusion("weighted", weights={"bm25": 1.0, "chunked-embeddings": 0.1}).fuse(rankings)
    assert [(each.path, round(each.score, 2)) for each in weighed] == [("a", 0.5), ("b", 0.43), ("c", 0.09)]
    assert [(each.path, each.score) for each in Fusion("max").fuse(rankings)] == [("c", 0.9), ("a", 0.5), ("b", 0.4)]


def test_one_ranking_keeps_its_scores_and_equal_texts_are_shown_once() -> None:
    assert Fusion().fuse([("bm25", [hit("a", 0.5)])])[0].score == 0.5
    assert paths(distinct([hit("a", text="x"), hit("b", text="y"), hit("c", text="x")])) == ["a", "b"]


def test_results_are_the_json_of_docker_agent() -> None:
    assert json.loads(search(Stub([hit("a", 0.12345), hit("b")]))) == [
        {"source_path": "a", "content": "text of a", "similarity": 0.1235, "chunk_index": 0, "lines": "3-7"},
        {"source_path": "b", "content": "text of b", "similarity": 1.0, "chunk_index": 0, "lines": "3-7"},
    ]


def test_results_are_limited_and_whole_documents_are_shown() -> None:
    found = json.loads(search(Stub([hit("a"), hit("gone"), hit("b")]), results=Results(limit=2, whole=True)))
    assert [(each["content"], each["lines"]) for each in found] == [("all\nof\na", "1-3"), ("text of gone", "1-1")]


def test_what_there_is_no_room_for_is_said() -> None:
    shown, note = search(Stub([hit(name, text=name * 2_000) for name in "abcdef"]), tool_output_chars=6_000).split("\n")
    assert len(shown) < 6_000
    assert [each["source_path"] for each in json.loads(shown)] == ["a", "b", "c"]
    assert "3 results" in note


@pytest.mark.parametrize("query", [None, "", "  ", 7, ["blorks"]])
def test_a_query_is_a_text(query: Any) -> None:
    with pytest.raises(ToolError, match="`query`"):
        search(Stub(), query=query)


def test_an_index_that_is_being_made_is_waited_for_half_of_the_time() -> None:
    stub = Stub([hit("a")], progress=Progress(3, 8, True, ""))
    found, note = search(stub, tool_timeout=10.0).split("\n")
    assert 4.0 < stub.waited <= 5.0
    assert json.loads(found)[0]["source_path"] == "a"
    assert note == "Only 3 of 8 documents are indexed so far."


def test_nothing_indexed_is_an_error_and_no_documents_are_none() -> None:
    with pytest.raises(ToolError, match="still being indexed"):
        search(Stub(progress=Progress(0, 8, True, "")))
    with pytest.raises(ToolError, match="wrong key"):
        search(Stub(progress=Progress(0, 8, False, "wrong key")))
    assert search(Stub(progress=Progress(0, 0, False, ""))).split("\n") == ["[]", "There are no documents."]


def test_a_strategy_that_fails_is_left_out() -> None:
    words, meanings = Stub([hit("a")]), Stub(fails=ModelUnavailable("no key"), kind="chunked-embeddings")
    assert json.loads(search(words, meanings))[0]["source_path"] == "a"
    with pytest.raises(ToolError, match="no key"):
        search(meanings)


def test_a_model_judges_the_first_hits() -> None:
    judge = Judge('Here you are:\n```json\n{"scores": [0.2, 0.9, 0.6]}\n```')
    reranker = Reranker(judge, top_k=3, threshold=0.5, criteria="Prefer caves.")
    ranked = reranker.rank("blorks", [hit(name) for name in "abcd"], time.monotonic() + 9)
    assert [(each.path, each.score) for each in ranked] == [("b", 0.9), ("c", 0.6), ("d", 1.0)]
    assert "Prefer caves." in judge.asked[0]
    assert "text of c" in judge.asked[0]
    assert "text of d" not in judge.asked[0]


@pytest.mark.parametrize("says", ["no idea", '{"scores": [1]}', '{"scores": ["a", "b"]}', "[0.1, 0.2]", "{"])
def test_a_judgement_that_cannot_be_read_changes_nothing(says: str) -> None:
    assert paths(Reranker(Judge(says), 5).rank("q", [hit("a"), hit("b")], float("inf"))) == ["a", "b"]


def test_a_judge_that_can_never_answer_is_asked_once() -> None:
    judge = Judge(fails=ModelUnavailable("no key"))
    reranker = Reranker(judge, 5)
    for _ in range(2):
        assert paths(reranker.rank("q", [hit("a")], float("inf"))) == ["a"]
    assert len(judge.asked) == 1


def test_chunks_are_described() -> None:
    judge = Judge("It is about blorks.")
    chunk = Chunk(4, 1, 2, "blorks ${path}")
    assert Summaries(judge).of("docs/a.md", chunk) == "File: docs/a.md\n\nIt is about blorks."
    assert "docs/a.md" in judge.asked[0]
    Summaries(judge, "${basename} ${chunk_index} ${content} ${ast_context}|${unknown}").of("docs/a.md", chunk)
    assert judge.asked[1] == "a.md 4 blorks ${path} |${unknown}"
    assert Summaries(Judge("")).of("docs/a.md", chunk) == "blorks ${path}"
