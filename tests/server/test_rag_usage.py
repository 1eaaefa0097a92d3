"""What the models of a search use is counted with its run; what they use to make an index is in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api import create_app
from flask_agent_api.records import ModelCallRecord
from flask_agent_api.signals import model_call_finished
from flask_agent_api.testing import FakeUpstream
from tests.support import QUESTION
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

DOCUMENT = "Where do blorks live?\nBlorks live in caves and eat gravel.\n"
TEAM = """
agents:
  root:
    model: openai/gpt-5
    rag: [kb]
rag:
  kb:
    docs: [caves.md]
    strategies:
      - type: bm25
      - {type: chunked-embeddings, embedding_model: openai/small, threshold: 0.2}
    results: {reranking: {model: openai/judge}}
"""
PRICES = {"openai/small": {"input": 1.0}, "openai/judge": {"input": 10.0, "output": 10.0}}


@pytest.fixture(autouse=True)
def vectors(upstream: FakeUpstream) -> Iterator[None]:
    upstream.embeddings(512)
    yield
    upstream.embeddings(0)


def test_what_a_search_uses_is_part_of_its_run(
    tmp_path: Path, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "flask_agent_api")
    (tmp_path / "caves.md").write_text(DOCUMENT)
    (tmp_path / "team.yaml").write_text(TEAM)
    app = create_app(
        {
            "AGENT_API_AGENTS": [str(tmp_path / "team.yaml")],
            "AGENT_API_GATEWAY": upstream.url,
            "AGENT_API_DATA_DIR": str(tmp_path / "data"),
            "AGENT_API_PRICES": PRICES,
        }
    )
    calls: list[ModelCallRecord] = []
    receiver = lambda sender, call: calls.append(call)  # noqa: E731 -- to be held, and to go with the test
    model_call_finished.connect(receiver, app)
    upstream.tool_call("kb", {"query": "where do blorks live"})
    upstream.text('{"scores": [0.9]}', usage={"prompt_tokens": 50, "completion_tokens": 5})
    upstream.text("In caves.", usage={"prompt_tokens": 120, "completion_tokens": 3})
    answer = app.test_client().post("/v1/chat/completions", json=QUESTION).get_json()
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (4 + 50 + 120, 5 + 3)
    assert usage["cost"] == pytest.approx((4 * 1.0 + 55 * 10.0) / 1_000_000)
    assert [call.model for call in calls] == ["gateway/gpt-5", "gateway/small", "gateway/judge", "gateway/gpt-5"]
    assert len({id(call.parent) for call in calls}) == 2, "the search's calls are within its tool call"
    wait_until(lambda: " end=done" in caplog.text)
    assert " model_calls=4 tool_calls=1 prompt_tokens=174 completion_tokens=8 " in caplog.text
    tokens = len(DOCUMENT.split())
    assert f"1 documents indexed in 0.0 s, {tokens} tokens, 0.0000{tokens} dollars" in caplog.text
