"""Collections of documents, searched through a real server, and those of public teams (``--corpus``)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api import create_app
from flask_agent_api.testing import FakeUpstream
from tests.support import RawClient
from tests.support import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

TEAM = """
agents:
  root:
    model: openai/gpt-5
    rag: [kb]
rag:
  kb:
    docs: [docs]
    strategies:
      - type: bm25
      - {type: chunked-embeddings, embedding_model: openai/small, threshold: 0.2}
"""
APP = "flask_agent_api.wsgi:app"


def hello(**more: Any) -> dict[str, Any]:
    return {"model": "root", "messages": [{"role": "user", "content": "Hello"}], **more}


def write_docs(folder: Path, count: int = 0) -> None:
    (folder / "docs").mkdir(parents=True, exist_ok=True)
    (folder / "docs" / "caves.md").write_text("Where do blorks live?\nBlorks live in caves and eat gravel.\n")
    for number in range(count):
        (folder / "docs" / f"{number}.md").write_text(f"Document number{number} is about other things.\n" * 200)


def found(upstream: FakeUpstream) -> list[dict[str, Any]]:
    """What the tool gave to the model that was asked last."""
    chats = [request for request in upstream.requests if request.path.endswith("/chat/completions")]
    (told,) = [message["content"] for message in chats[-1].json["messages"] if message["role"] == "tool"]
    results: list[dict[str, Any]] = json.loads(told.partition("\n")[0])
    return results


@pytest.fixture
def environment(tmp_path: Path, upstream: FakeUpstream) -> Iterator[dict[str, str]]:
    upstream.reset()
    upstream.embeddings(512)
    yield {
        "FLASK_AGENT_API_AGENTS": str(tmp_path / "team.yaml"),
        "FLASK_AGENT_API_GATEWAY": upstream.url,
        "FLASK_AGENT_API_DATA_DIR": str(tmp_path / "data"),
        "FLASK_AGENT_API_LOG_LEVEL": "info",
    }
    upstream.embeddings(0)


@pytest.mark.wire
def test_workers_make_one_index_and_search_it(
    tmp_path: Path, upstream: FakeUpstream, environment: dict[str, str]
) -> None:
    write_docs(tmp_path, 20)
    with Server(tmp_path, {"team.yaml": TEAM}, "-w", "2", app=APP, env=environment) as server:

        def ask(number: int) -> None:
            with RawClient(server.port) as client:
                client.post(**hello())
                assert client.response().status == 200

        for _ in range(6):
            upstream.text("Hello.")
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(ask, range(6)))
        wait_until(lambda: server.log.count("chunked-embeddings: 21 documents indexed") == 1)
        upstream.tool_call("kb", {"query": "where do blorks live"})
        upstream.text("In caves.")
        ask(0)
        assert found(upstream)[0]["source_path"] == "docs/caves.md"
        indexed = [each for each in upstream.requests if each.path.endswith("/embeddings")]
        assert len(indexed) == 21 + 1
        wait_until(lambda: server.log.count("documents indexed in") == 2)  # of each index, in one of the two workers


@pytest.mark.parametrize("name", ["rag", "rag/bm25", "rag/hybrid", "rag/reranking", "rag/semantic_embeddings"])
def test_public_teams_search(
    request: pytest.FixtureRequest, tmp_path: Path, upstream: FakeUpstream, environment: object, name: str
) -> None:
    corpus: Path | None = request.config.getoption("--corpus")
    if corpus is None:
        pytest.skip("no --corpus given")
    file = tmp_path / "examples" / f"{name}.yaml"
    shutil.copytree(corpus / "docker-agent" / "examples" / "rag", tmp_path / "examples" / "rag")
    shutil.copy(corpus / "docker-agent" / "examples" / "rag.yaml", tmp_path / "examples")
    write_docs(tmp_path / "examples" / "rag")
    (tmp_path / "examples" / "rag" / "blork_field_guide.txt").write_text("A guide to watching birds.\n")
    (tmp_path / "pkg" / "blork").mkdir(parents=True)
    (tmp_path / "pkg" / "blork" / "blork.go").write_text("package blork\n\nfunc Live() string { return cave }\n")
    config = {
        "AGENT_API_AGENTS": [str(file)],
        "AGENT_API_GATEWAY": upstream.url,
        "AGENT_API_DATA_DIR": str(tmp_path / "data"),
        "AGENT_API_WORKING_DIR": str(tmp_path),
    }
    client = create_app(config).test_client()
    for _ in range(2 if name == "rag/semantic_embeddings" else 1):  # the answer, and a description that sounds alike
        upstream.text("Blorks live in caves.")
    assert client.post("/v1/chat/completions", json=hello()).status_code == 200
    if name != "rag/bm25":
        upstream.wait(requests={"rag": 3, "rag/hybrid": 3, "rag/reranking": 3, "rag/semantic_embeddings": 3}[name])
    tool = {"rag/semantic_embeddings": "codebase", "rag/hybrid": "knowledge_base", "rag/reranking": "knowledge_base"}
    upstream.tool_call(tool.get(name, "blork_knowledge_base"), {"query": "where do blorks live caves"})
    if name in {"rag/reranking", "rag/semantic_embeddings"}:
        upstream.text('{"scores": [0.9]}')
    upstream.text("In caves.")
    answer = client.post("/v1/chat/completions", json=hello()).get_json()
    assert answer["choices"][0]["message"]["content"] == "In caves."
    wanted = "../../pkg/blork/blork.go" if name == "rag/semantic_embeddings" else "docs/caves.md"
    assert found(upstream)[0]["source_path"].endswith(wanted)
