"""A model that fails again and again is left alone for a while, and one that serves few at a time gets no more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.errors import ModelError
from flask_agent_api.models import openai_chat
from flask_agent_api.models import retry
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.circuit import Circuit
from flask_agent_api.models.config import Limits
from flask_agent_api.models.config import ModelConfig
from flask_agent_api.models.fallback import FallbackModel
from flask_agent_api.models.openai_chat import OpenAIChatModel
from flask_agent_api.settings import Settings
from flask_agent_api.testing import CLOSE
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import gate
from tests.waiting import wait_until

ASK = ModelRequest([{"role": "user", "content": "hi"}])
THREE = Limits(retries=0, failures=3, rest=15.0)


class Clock:
    """Stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def _server() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(_server: FakeUpstream) -> FakeUpstream:
    _server.reset()
    return _server


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    circuits: dict[tuple[str, Limits], Circuit] = {}

    def by_this_clock(url: str, name: str, limits: Limits) -> Circuit:
        return circuits.setdefault((url, limits), Circuit(name, limits, clock))

    monkeypatch.setattr(openai_chat, "circuit_of", by_this_clock)
    monkeypatch.setattr(retry, "_FIRST_DELAY", 0.001)
    return clock


def model(upstream: FakeUpstream, limits: Limits = THREE) -> OpenAIChatModel:
    return OpenAIChatModel(ModelConfig(provider="openai", model="m", base_url=upstream.url, api_key="key"), limits)


def text(model: Any, request: ModelRequest = ASK) -> str:
    return "".join(event for batch in model.stream(request) for event in batch if isinstance(event, str))


def error(model: Any, request: ModelRequest = ASK) -> ModelError:
    with pytest.raises(ModelError) as caught:
        text(model, request)
    return caught.value


def trip(upstream: FakeUpstream, chat: OpenAIChatModel, times: int = 3) -> None:
    for _ in range(times):
        upstream.error(500)
        assert error(chat).code == "upstream_error"


@pytest.mark.usefixtures("clock")
def test_after_some_failures_in_a_row_a_model_is_not_asked(upstream: FakeUpstream) -> None:
    chat = model(upstream)
    trip(upstream, chat)
    refused = error(chat)
    assert (refused.status, refused.code) == (503, "upstream_unavailable")
    assert refused.headers == {"Retry-After": "15"}
    assert error(model(upstream)).code == "upstream_unavailable"  # another agent with the same model
    assert len(upstream.requests) == 3


def test_after_the_rest_one_call_tries_and_the_others_wait_for_it(upstream: FakeUpstream, clock: Clock) -> None:
    chat = model(upstream)
    trip(upstream, chat)
    clock.now += 14.9
    assert error(chat).headers["Retry-After"] == "1"
    clock.now += 0.1
    upstream.reply(gate("trial"), CLOSE)
    trial = spawn(lambda: error(chat))
    wait_until(lambda: len(upstream.requests) == 4)
    assert error(chat).code == "upstream_unavailable"
    upstream.open_gate("trial")
    assert trial.join(5)
    assert error(chat).headers["Retry-After"] == "15"  # the trial failed: it begins anew
    clock.now += 15
    upstream.text("back")
    upstream.text("again")
    assert (text(chat), text(chat)) == ("back", "again")
    trip(upstream, chat, 2)
    upstream.text("counted from the start")
    assert text(chat) == "counted from the start"


def test_a_trial_that_was_given_up_is_followed_by_another(upstream: FakeUpstream, clock: Clock) -> None:
    chat = model(upstream)
    trip(upstream, chat)
    clock.now += 15
    upstream.reply(gate("given up"), CLOSE)
    trial = spawn(lambda: text(chat))
    wait_until(lambda: len(upstream.requests) == 4)
    trial.cancel(Cancelled())
    assert trial.join(5)
    assert error(chat).code == "upstream_unavailable"
    clock.now += 15
    upstream.text("back")
    assert text(chat) == "back"


def test_an_answer_that_breaks_off_after_the_rest_begins_another(upstream: FakeUpstream, clock: Clock) -> None:
    chat = model(upstream)
    trip(upstream, chat)
    clock.now += 15
    upstream.stream(CLOSE)
    assert error(chat).code == "upstream_error"
    assert error(chat).code == "upstream_unavailable"


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("status", [400, 401, 404, 429])
def test_failures_that_say_nothing_of_the_endpoint_do_not_count(upstream: FakeUpstream, status: int) -> None:
    chat = model(upstream)
    for _ in range(5):
        upstream.error(status)
        assert error(chat).code != "upstream_unavailable"
    assert len(upstream.requests) == 5


@pytest.mark.usefixtures("clock")
def test_repetitions_end_when_the_rest_begins(upstream: FakeUpstream) -> None:
    chat = model(upstream, Limits(retries=9, failures=3))
    for _ in range(3):
        upstream.error(500)
    assert error(chat).code == "upstream_unavailable"
    assert len(upstream.requests) == 3


@pytest.mark.usefixtures("clock")
def test_another_model_steps_in_at_once(upstream: FakeUpstream) -> None:
    with FakeUpstream() as second:
        chain = FallbackModel([model(upstream), model(second)])
        for _ in range(3):
            upstream.error(500)
        for _ in range(5):
            second.text("ok")
        assert [text(chain) for _ in range(5)] == ["ok"] * 5
        assert len(upstream.requests) == 3


def test_calls_at_a_time_are_limited_and_others_wait(upstream: FakeUpstream) -> None:
    chat = model(upstream, Limits(retries=0, concurrency=2, first_byte=5.0))
    for _ in range(4):
        upstream.stream(gate("both"), "ok")
    answers: list[str] = []
    tasks = [spawn(lambda: answers.append(text(chat))) for _ in range(4)]
    wait_until(lambda: len(upstream.requests) == 2)
    tasks[0].cancel(Cancelled())
    wait_until(lambda: len(upstream.requests) == 3)
    upstream.open_gate("both")
    assert all(task.join(5) for task in tasks)
    assert answers == ["ok"] * 3
    assert len(upstream.requests) == 4


@pytest.mark.parametrize("seconds", [0.3, 60.0])
def test_a_turn_that_does_not_come_is_a_failure(upstream: FakeUpstream, seconds: float) -> None:
    chat = model(upstream, Limits(retries=0, concurrency=1, first_byte=seconds))
    upstream.stream(gate("first"), "ok")
    first = spawn(lambda: text(chat))
    wait_until(lambda: len(upstream.requests) == 1)
    late = ModelRequest(ASK.messages, deadline=time.monotonic() + 0.05 if seconds > 1 else float("inf"))
    refused = error(chat, late)
    assert (refused.status, refused.code, refused.headers) == (503, "upstream_unavailable", {"Retry-After": "1"})
    first.cancel(Cancelled())
    upstream.open_gate("first")
    assert first.join(5)
    upstream.text("free")
    assert text(chat) == "free"


def test_the_settings_say_when_and_how_long() -> None:
    limits = Limits.from_settings(Settings(model_failures=4, model_rest=2.0, model_concurrency=8))
    assert (limits.failures, limits.rest, limits.concurrency) == (4, 2.0, 8)
    assert Limits.from_settings(Settings()).failures == 10
