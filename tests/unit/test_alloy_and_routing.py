"""One model that is several: by chance, or by what the user says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from flask_agent_api.models.alloy import AlloyModel
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.bm25 import BM25
from flask_agent_api.models.config import ModelConfig
from flask_agent_api.models.openai_chat import OpenAIChatModel
from flask_agent_api.models.routing import Route
from flask_agent_api.models.routing import RoutedModel
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.types import Message

EXAMPLES = {
    "fast": ("hello", "hi there", "good morning", "how are you", "thanks", "bye"),
    "coder": ("explain the algorithm", "implement a function", "debug this code", "fix this error"),
    "deep": ("analyze this document in detail", "compare and contrast these approaches"),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


def model(upstream: FakeUpstream, name: str) -> OpenAIChatModel:
    return OpenAIChatModel(ModelConfig(provider="openai", model=name, base_url=upstream.url, api_key="key"))


def asked(upstream: FakeUpstream, several: AlloyModel | RoutedModel, *messages: Message) -> str:
    """Which model a call went to."""
    upstream.text("ok")
    list(several.stream(ModelRequest(messages)))
    return str(upstream.requests[-1].json["model"])


def user(text: object) -> Message:
    return {"role": "user", "content": text}


def test_each_call_goes_to_one_of_the_members(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    alloy = AlloyModel([model(upstream, name) for name in ("a", "b")])
    assert alloy.name == "openai/a,openai/b"
    monkeypatch.setattr("flask_agent_api.models.alloy.random", random.Random(1))
    counts = Counter(asked(upstream, alloy, user("hi")) for _ in range(20))
    assert set(counts) == {"a", "b"}
    assert min(counts.values()) > 4


@pytest.fixture(scope="module")
def router(upstream: FakeUpstream) -> RoutedModel:
    routes = [Route(model(upstream, name), examples) for name, examples in EXAMPLES.items()]
    return RoutedModel(model(upstream, "default"), routes)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Hello!", "fast"),
        ("GOOD MORNING to you", "fast"),
        ("Please fix the error in my code", "coder"),
        ("Could you compare these two approaches, please", "deep"),
        ("What is the weather in the city?", "default"),
        ("the of and to", "default"),
        ("", "default"),
        ([{"type": "text", "text": "debug"}, {"type": "image_url", "image_url": {"url": "x"}}], "coder"),
    ],
)
def test_the_last_user_message_decides(
    upstream: FakeUpstream, router: RoutedModel, said: object, expected: str
) -> None:
    assert asked(upstream, router, user("hello"), {"role": "assistant", "content": "debug"}, user(said)) == expected


def test_one_turn_stays_with_one_model(upstream: FakeUpstream, router: RoutedModel) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    loop: list[Message] = [
        user("debug this"),
        {"role": "assistant", "content": "hello", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "good morning"},
    ]
    assert asked(upstream, router, *loop) == "coder"
    assert asked(upstream, router, {"role": "system", "content": "hello"}) == "default"


def test_rare_words_count_for_more_and_short_texts_too() -> None:
    texts = BM25(["red apple", "red pear", "red pear on a very long wooden table", "blue"])
    apple, pear, table, blue = texts.scores("a red pear or apple")
    assert apple > pear > table > blue == 0
    assert texts.scores("rouge") == [0, 0, 0, 0]
    assert BM25([]).scores("x") == []
    assert BM25(["the of"]).scores("the of") == [0]
