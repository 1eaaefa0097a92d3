"""When a call is made again, and how one is given up."""

from __future__ import annotations

import email.utils
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from chat_model import ASK
from chat_model import events
from chat_model import HEAD
from chat_model import model

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.errors import ModelError
from flask_agent_api.errors import ModelRateLimited
from flask_agent_api.errors import ModelUnavailable
from flask_agent_api.models import retry
from flask_agent_api.models.base import Finish
from flask_agent_api.models.base import ModelEvent
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.openai_chat import Limits
from flask_agent_api.testing import CLOSE
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import gate
from flask_agent_api.testing import HANG
from flask_agent_api.testing import RESET


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def _no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_DELAY", 0.01)


# Another attempt


def test_a_message_that_is_an_object_is_read_as_well(upstream: FakeUpstream) -> None:
    """Mistral's error objects."""
    detail = [{"type": "extra_forbidden", "loc": ["body", "stream_options", "include_usage"]}]
    upstream.answer({"object": "error", "message": {"detail": detail}, "type": "invalid_request_error"}, 422)
    upstream.text("x")
    assert events(model(upstream))[0] == "x"


def test_stream_options_that_are_refused_are_left_out_from_then_on(upstream: FakeUpstream) -> None:
    before = len(upstream.requests)
    upstream.error(400, "Extra inputs are not permitted: stream_options")
    upstream.text("a")
    upstream.text("b")
    chat = model(upstream)
    assert events(chat)[0] == "a"
    assert events(chat)[0] == "b"
    asked = ["stream_options" in request.json for request in upstream.requests[before:]]
    assert asked == [True, False, False]


@pytest.mark.usefixtures("_no_delays")
@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_a_passing_failure_is_tried_again(upstream: FakeUpstream, status: int) -> None:
    upstream.error(status)
    upstream.error(status)
    upstream.text("a")
    assert events(model(upstream, Limits(retries=2))) == ["a", Finish("stop")]


@pytest.mark.usefixtures("_no_delays")
@pytest.mark.parametrize(
    ("status", "code"),
    [(400, None), (401, None), (403, None), (404, None), (422, None), (429, "insufficient_quota"), (302, None)],
)
def test_a_lasting_failure_is_not_tried_again(upstream: FakeUpstream, status: int, code: str | None) -> None:
    before = len(upstream.requests)
    upstream.error(status, code=code)
    with pytest.raises(ModelError):
        events(model(upstream, Limits(retries=2)))
    assert len(upstream.requests) == before + 1


@pytest.mark.usefixtures("_no_delays")
def test_attempts_come_to_an_end(upstream: FakeUpstream) -> None:
    before = len(upstream.requests)
    for _ in range(3):
        upstream.error(500)
    with pytest.raises(ModelError):
        events(model(upstream, Limits(retries=2)))
    assert len(upstream.requests) == before + 3


@pytest.mark.usefixtures("_no_delays")
@pytest.mark.parametrize("steps", [(CLOSE,), (RESET,), (HEAD, CLOSE), (HEAD, RESET)], ids=str)
def test_a_connection_that_broke_before_the_first_event_is_tried_again(
    upstream: FakeUpstream, steps: tuple[Any, ...]
) -> None:
    with FakeUpstream() as fresh:
        fresh.reply(*steps)
        fresh.text("a")
        assert events(model(fresh, Limits(retries=1))) == ["a", Finish("stop")]


@pytest.mark.usefixtures("_no_delays")
def test_a_first_byte_that_does_not_come_is_tried_again(upstream: FakeUpstream) -> None:
    upstream.reply(HANG)
    upstream.text("a")
    assert events(model(upstream, Limits(first_byte=0.2, retries=1)))[0] == "a"


@pytest.mark.usefixtures("_no_delays")
def test_nothing_is_tried_again_after_the_first_event(upstream: FakeUpstream) -> None:
    before = len(upstream.requests)
    upstream.stream("a", {"error": {"message": "down", "code": 503}}, finish=None)
    with pytest.raises(ModelUnavailable):
        events(model(upstream, Limits(retries=2)))
    assert len(upstream.requests) == before + 1


def test_retry_after_is_honoured(upstream: FakeUpstream) -> None:
    upstream.error(429, Retry_After="0.8")
    upstream.text("a")
    start = time.monotonic()
    assert events(model(upstream, Limits(retries=1)))[0] == "a"
    assert 0.8 <= time.monotonic() - start < 3


@pytest.mark.parametrize(("after", "left"), [("60", 1000.0), ("30", 10.0)], ids=["too long", "beyond the deadline"])
def test_a_wait_that_is_too_long_is_the_clients(upstream: FakeUpstream, after: str, left: float) -> None:
    upstream.error(429, Retry_After=after)
    start = time.monotonic()
    with pytest.raises(ModelRateLimited) as error:
        events(model(upstream, Limits(retries=2)), ModelRequest(ASK.messages, deadline=start + left))
    assert error.value.headers == {"Retry-After": after}
    assert time.monotonic() - start < 5


def test_delays_double_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    delays = [retry.delay_before(attempt, None, float("inf")) for attempt in range(1, 7)]
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), ("1.5", 1.5), ("-1", 0.0), ("", None), ("soon", None), ("Wed, 99 Foo", None), ("nan", None)],
)
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    assert retry.retry_after_seconds({"retry-after": value}) == seconds


def test_retry_after_as_a_date() -> None:
    value = email.utils.formatdate(time.time() + 10, usegmt=True)
    seconds = retry.retry_after_seconds({"retry-after": value})
    assert seconds is not None
    assert 8 < seconds <= 10


# Giving up


@pytest.mark.slow
def test_it_works_without_gevent() -> None:
    script = """if True:
        from flask_agent_api.concurrency import patched
        from flask_agent_api.errors import ModelTimeout
        from flask_agent_api.models.base import ModelRequest
        from flask_agent_api.models.openai_chat import Limits, ModelConfig, OpenAIChatModel
        from flask_agent_api.testing import FakeUpstream, HANG
        with FakeUpstream() as upstream:
            config = ModelConfig(provider="x", model="m", base_url=upstream.url)
            model = OpenAIChatModel(config, Limits(idle=0.2, retries=0))
            for _ in range(2):
                upstream.text("a", "b")
                print([event for batch in model.stream(ModelRequest([])) for event in batch])
            upstream.stream("a", HANG)
            try:
                list(model.stream(ModelRequest([])))
            except ModelTimeout:
                print("timeout", upstream.connections, patched())
    """
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=20)
    answer = "['a', 'b', Finish(reason='stop')]\n"
    assert (done.stdout, done.stderr) == (f"{answer}{answer}timeout 1 False\n", "")


def test_closing_the_iterator_closes_the_connection(upstream: FakeUpstream) -> None:
    aborted = upstream.aborted
    upstream.stream("a", HANG)
    stream = model(upstream).stream(ASK)
    assert next(stream) == ["a"]
    stream.close()  # type: ignore[attr-defined]
    upstream.wait(aborted=aborted + 1)


@pytest.mark.parametrize("steps", [(HANG,), (HEAD, HANG)], ids=["waiting for headers", "waiting for tokens"])
def test_a_cancelled_run_closes_the_connection_within_a_quarter_second(
    upstream: FakeUpstream, steps: tuple[Any, ...]
) -> None:
    aborted, requests = upstream.aborted, len(upstream.requests)
    upstream.reply(*steps)
    task = spawn(events, model(upstream, Limits()))
    upstream.wait(requests=requests + 1)
    start = time.monotonic()
    task.cancel(Cancelled())
    upstream.wait(aborted=aborted + 1)
    assert time.monotonic() - start < 0.25
    assert task.join(1)


def test_a_cancelled_run_does_not_wait_for_another_attempt(upstream: FakeUpstream) -> None:
    requests = len(upstream.requests)
    upstream.error(429, Retry_After="15")
    task = spawn(events, model(upstream, Limits()))
    upstream.wait(requests=requests + 1)
    task.cancel(Cancelled())
    assert task.join(1)
    assert len(upstream.requests) == requests + 1


def test_many_runs_stream_side_by_side(upstream: FakeUpstream) -> None:
    chat, results = model(upstream), list[list[ModelEvent]]()
    for _ in range(20):
        upstream.stream("a", gate("all"), "b")
    requests = len(upstream.requests)
    tasks = [spawn(lambda: results.append(events(chat))) for _ in range(20)]
    upstream.wait(requests=requests + 20)
    upstream.open_gate("all")
    assert all(task.join(5) for task in tasks)
    assert results == [["a", "b", Finish("stop")]] * 20
