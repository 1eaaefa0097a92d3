"""What happens when the first of several models fails, over real connections."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.errors import ModelError
from flask_agent_api.models import retry
from flask_agent_api.models.base import ModelEvent
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.config import Limits
from flask_agent_api.models.config import ModelConfig
from flask_agent_api.models.fallback import FallbackModel
from flask_agent_api.models.openai_chat import OpenAIChatModel
from flask_agent_api.models.unavailable import UnavailableModel
from flask_agent_api.testing import CLOSE
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import gate
from flask_agent_api.testing import HANG
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.types import TextBatch
from tests.waiting import wait_until

ASK = ModelRequest([{"role": "user", "content": "hi"}])


class Clock:
    """Stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def _upstreams() -> Iterator[tuple[FakeUpstream, FakeUpstream]]:
    with FakeUpstream() as first, FakeUpstream() as second:
        yield first, second


@pytest.fixture
def first(_upstreams: tuple[FakeUpstream, FakeUpstream]) -> FakeUpstream:
    _upstreams[0].reset()
    return _upstreams[0]


@pytest.fixture
def second(_upstreams: tuple[FakeUpstream, FakeUpstream]) -> FakeUpstream:
    _upstreams[1].reset()
    return _upstreams[1]


@pytest.fixture(autouse=True)
def _no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_DELAY", 0.01)


def model(upstream: FakeUpstream, retries: int = 2) -> OpenAIChatModel:
    config = ModelConfig(provider="openai", model=str(upstream.port), base_url=upstream.url, api_key="key")
    return OpenAIChatModel(config, Limits(retries=retries, retry_limited=False))


def chain(first: FakeUpstream, second: FakeUpstream, retries: int = 2, **options: Any) -> FallbackModel:
    return FallbackModel([model(first, retries), model(second, retries)], **options)


def text(model: FallbackModel, request: ModelRequest = ASK) -> str:
    events: list[ModelEvent] = [event for batch in model.stream(request) for event in batch]
    return "".join(event for event in events if isinstance(event, str))


def error(model: FallbackModel, request: ModelRequest = ASK) -> ModelError:
    with pytest.raises(ModelError) as caught:
        text(model, request)
    return caught.value


def test_a_passing_failure_is_repeated_on_the_same_model(first: FakeUpstream, second: FakeUpstream) -> None:
    first.error(500)
    first.error(503, Retry_After="0.01")
    first.text("ok")
    assert text(chain(first, second)) == "ok"
    assert (len(first.requests), len(second.requests)) == (3, 0)


def test_without_retries_the_next_model_is_asked_at_once(first: FakeUpstream, second: FakeUpstream) -> None:
    first.error(500)
    second.text("ok")
    assert text(chain(first, second, retries=0)) == "ok"
    assert len(first.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422, 429])
def test_other_failures_go_to_the_next_model(first: FakeUpstream, second: FakeUpstream, status: int) -> None:
    first.error(status)
    second.text("ok")
    assert text(chain(first, second)) == "ok"
    assert len(first.requests) == 1


def test_a_model_that_cannot_be_called_is_passed_over(second: FakeUpstream) -> None:
    second.text("ok")
    assert text(FallbackModel([UnavailableModel("a/b", "no key"), model(second)])) == "ok"


def test_an_answer_that_breaks_off_is_an_error(first: FakeUpstream, second: FakeUpstream) -> None:
    first.stream("half an ", CLOSE)
    assert error(chain(first, second)).code == "upstream_error"
    first.stream("half an ", {"error": {"code": "rate_limit_exceeded"}})
    taken: list[str] = []
    request = ModelRequest(ASK.messages, take_text=lambda batch: bool(batch) and not taken.extend(batch))
    assert error(chain(first, second), request).code == "rate_limit_exceeded"
    assert taken == ["half an "]
    assert len(second.requests) == 0


def test_after_a_lasting_failure_the_model_rests_for_the_cooldown(first: FakeUpstream, second: FakeUpstream) -> None:
    clock = Clock()
    chained = chain(first, second, cooldown=30.0, clock=clock)
    first.error(429)
    for answer in ("one", "two"):
        second.text(answer)
        assert text(chained) == answer
    clock.now += 29
    second.text("three")
    assert text(chained) == "three"
    assert len(first.requests) == 1
    clock.now += 2
    first.text("back")
    assert text(chained) == "back"
    first.text("still")
    assert text(chained) == "still"


def test_a_provider_may_ask_for_a_longer_rest(first: FakeUpstream, second: FakeUpstream) -> None:
    clock = Clock()
    chained = chain(first, second, cooldown=30.0, clock=clock)
    first.error(429, Retry_After="100")
    second.text("one")
    assert text(chained) == "one"
    clock.now += 99
    second.text("two")
    assert text(chained) == "two"
    clock.now += 2
    first.text("back")
    assert text(chained) == "back"


@pytest.mark.parametrize("status", [500, 400, 422])
def test_what_passes_and_what_is_about_the_request_needs_no_rest(
    first: FakeUpstream, second: FakeUpstream, status: int
) -> None:
    chained = chain(first, second, retries=0)
    first.error(status)
    second.text("one")
    assert text(chained) == "one"
    first.text("two")
    assert text(chained) == "two"


def test_a_resting_model_is_better_than_none(first: FakeUpstream, second: FakeUpstream) -> None:
    chained = chain(first, second, retries=0)
    first.error(429)
    second.text("one")
    assert text(chained) == "one"
    second.error(500)
    first.text("two")
    assert text(chained) == "two"


@pytest.mark.parametrize(
    ("statuses", "status", "code"),
    [
        ((500, 503), 502, "upstream_error"),
        ((401, 404), 502, "upstream_auth"),
        ((401, 429), 429, "rate_limit_exceeded"),
        ((429, 401), 429, "rate_limit_exceeded"),
    ],
)
def test_if_all_fail_the_error_says_whether_a_repetition_helps(
    first: FakeUpstream, second: FakeUpstream, statuses: tuple[int, int], status: int, code: str
) -> None:
    for upstream, number in zip((first, second), statuses, strict=True):
        upstream.error(number, Retry_After="7")
    caught = error(chain(first, second, retries=0))
    assert (caught.status, caught.code) == (status, code)
    assert caught.headers.get("Retry-After") == ("7" if status == 429 else None)


def test_after_the_deadline_nobody_else_is_asked(first: FakeUpstream, second: FakeUpstream) -> None:
    first.reply(HANG)
    started = time.monotonic()
    request = ModelRequest(ASK.messages, deadline=started + 0.1)
    assert error(chain(first, second, retries=0), request).code == "upstream_timeout"
    assert len(second.requests) == 0


def test_a_cancelled_call_goes_nowhere_else(first: FakeUpstream, second: FakeUpstream) -> None:
    first.error(401)
    second.reply(HANG)
    chained = chain(first, second)
    task = spawn(lambda: text(chained))
    second.wait(requests=1)
    task.cancel(Cancelled("enough"))
    assert task.join(5)
    second.wait(open=0)
    assert (len(first.requests), len(second.requests)) == (1, 1)


def test_models_of_other_kinds_are_not_asked_twice() -> None:
    """Nobody knows whether they had shown something."""
    failing = ScriptedModel(["half", ModelError("broke")])
    assert error(FallbackModel([failing, ScriptedModel("ok")])).message == "broke"


def test_text_goes_to_the_taker(first: FakeUpstream, second: FakeUpstream) -> None:
    taken: list[str] = []

    def take(batch: TextBatch) -> bool:
        taken.extend(batch)
        return True

    first.error(401)
    second.stream("a", gate("more"), "b")
    chained = chain(first, second)
    stream = chained.stream(ModelRequest(ASK.messages, take_text=take))
    task = spawn(lambda: [event for batch in stream for event in batch])
    wait_until(lambda: taken == ["a"])
    second.open_gate("more")
    assert task.join(5)
