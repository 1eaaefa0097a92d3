"""What a provider does wrong, and what becomes of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from chat_model import ASK
from chat_model import delta
from chat_model import events
from chat_model import model

from flask_agent_api.errors import ModelError
from flask_agent_api.errors import ModelRateLimited
from flask_agent_api.errors import ModelTimeout
from flask_agent_api.errors import ModelUnavailable
from flask_agent_api.models.openai_chat import Limits
from flask_agent_api.testing import black_hole
from flask_agent_api.testing import CLOSE
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import gate
from flask_agent_api.testing import HANG
from flask_agent_api.testing import RESET


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.mark.parametrize(
    ("status", "error", "mapped", "code"),
    [
        (400, ModelError, 502, "upstream_rejected"),
        (401, ModelError, 502, "upstream_auth"),
        (402, ModelRateLimited, 429, "insufficient_quota"),
        (403, ModelError, 502, "upstream_auth"),
        (404, ModelError, 502, "upstream_not_found"),
        (408, ModelTimeout, 504, "upstream_timeout"),
        (409, ModelRateLimited, 429, "rate_limit_exceeded"),
        (418, ModelError, 502, "upstream_rejected"),
        (422, ModelError, 502, "upstream_rejected"),
        (429, ModelRateLimited, 429, "rate_limit_exceeded"),
        (500, ModelError, 502, "upstream_error"),
        (502, ModelError, 502, "upstream_error"),
        (503, ModelUnavailable, 503, "upstream_unavailable"),
        (504, ModelTimeout, 504, "upstream_timeout"),
        (529, ModelUnavailable, 503, "upstream_unavailable"),
        (599, ModelError, 502, "upstream_error"),
        (204, ModelError, 502, "upstream_error"),
        (302, ModelError, 502, "upstream_redirect"),
    ],
)
def test_a_status_becomes_our_error(
    upstream: FakeUpstream, status: int, error: type[ModelError], mapped: int, code: str
) -> None:
    upstream.error(status, Location="http://127.0.0.1:1/")
    with pytest.raises(ModelError) as raised:
        events(model(upstream))
    assert (type(raised.value), raised.value.status, raised.value.code) == (error, mapped, code)
    assert raised.value.status != 401


def test_a_redirect_is_not_followed(upstream: FakeUpstream) -> None:
    with FakeUpstream() as other:
        upstream.error(307, Location=other.url)
        with pytest.raises(ModelError, match="redirect"):
            events(model(upstream, Limits()))
        assert other.connections == 0


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("This model's maximum context length is 8192 tokens", None),
        ("prompt is too long: 300000 tokens", None),
        ("no", "context_length_exceeded"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_too_long_conversation_is_the_clients_400(
    upstream: FakeUpstream, message: str, code: str | None, streamed: bool
) -> None:
    if streamed:
        upstream.stream({"error": {"message": message, "code": code, "type": "invalid_request_error"}})
    else:
        upstream.error(400, message, code)
    with pytest.raises(ModelError, match="too long for the agent's model") as error:
        events(model(upstream))
    assert (error.value.status, error.value.code, error.value.type) == (
        400,
        "context_length_exceeded",
        "invalid_request_error",
    )


def test_a_rejection_shows_the_providers_words_without_keys(
    upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    keys = [
        "sk-abcd1234",
        "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
        "0123456789abcdef0123456789abcdef",
        "Bearer xyzzy1",
    ]
    upstream.error(400, f"temperature must be below 2 for claude-sonnet-4-5-20250929 {' '.join(keys)} {'x ' * 300}")
    with caplog.at_level(logging.WARNING), pytest.raises(ModelError) as error:
        events(model(upstream))
    shown = error.value.message
    assert shown.startswith(
        "The model's provider answered 400 (Bad Request): temperature must be below 2 for claude-son"
    )
    assert len(shown) < 400
    for key in keys:
        assert key not in shown
        assert key not in caplog.text
    assert "temperature" in caplog.text


def test_the_words_of_other_failures_are_for_the_log_only(
    upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    for status in (401, 429, 500):
        upstream.error(status, "account 4711 of hidden corp")
        with caplog.at_level(logging.WARNING), pytest.raises(ModelError) as error:
            events(model(upstream))
        assert "4711" not in error.value.message
        assert "4711" in caplog.text


def test_a_rate_limit_passes_retry_after_on(upstream: FakeUpstream) -> None:
    upstream.error(429, Retry_After="7")
    with pytest.raises(ModelRateLimited) as error:
        events(model(upstream))
    assert error.value.headers == {"Retry-After": "7"}


@pytest.mark.parametrize(
    "reply",
    [
        b"data: {broken\n\n",
        b"data: \xff\xfe\n\n",
        b'data: ["a"]\n\n',
        b'data: "a"\n\n',
        b'data: {"choices": "a"}\n\n',
        b'data: {"choices": ["a"]}\n\n',
        b'data: {"choices": [{"delta": "a"}]}\n\n',
        b'data: {"choices": [{"delta": {"content": 1}}]}\n\n',
        b'data: {"choices": [{"delta": {"reasoning": {"a": 1}}}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": 1}}]}\n\n',
        b'data: {"choices": [{"delta": {}, "finish_reason": 1}]}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"<html>hello</html>",
        b"",
    ],
)
def test_what_cannot_be_read_is_an_error(upstream: FakeUpstream, reply: bytes) -> None:
    upstream.stream(reply or b": nothing\n\n", finish=None, done=False)
    with pytest.raises(ModelError) as error:
        events(model(upstream))
    assert (error.value.status, error.value.code) == (502, "upstream_error")


@pytest.mark.parametrize(
    ("body", "kind", "headers"),
    [
        (b"<html>login</html>", "text/html; charset=utf-8", {}),
        (b"{broken", "", {}),
        (b"[]", "", {}),
        (b"{}", "", {}),
        (b'{"choices": []}', "", {}),
        (b'{"choices": [{"message": {"content": 5}}]}', "", {}),
        (b"\x1f\x8b", "text/event-stream", {"Content-Encoding": "gzip"}),
    ],
)
def test_a_200_that_is_no_answer_is_an_error(
    upstream: FakeUpstream, body: bytes, kind: str, headers: dict[str, str]
) -> None:
    upstream.answer(body, headers=headers, content_type=kind)
    with pytest.raises(ModelError) as error:
        events(model(upstream))
    assert (error.value.status, error.value.code) == (502, "upstream_error")


@pytest.mark.parametrize("done", [True, False])
def test_a_stream_without_a_finish_reason_is_never_a_success(upstream: FakeUpstream, done: bool) -> None:
    upstream.stream("a", finish=None, done=done)
    stream = model(upstream).stream(ASK)
    assert next(stream) == ["a"]
    with pytest.raises(ModelError, match="broke off") as error:
        next(stream)
    assert error.value.code == "upstream_truncated"


@pytest.mark.parametrize("step", [CLOSE, RESET])
def test_a_cut_stream_is_an_error_after_what_came(upstream: FakeUpstream, step: tuple[str, None]) -> None:
    upstream.stream("a", gate("cut"), step)
    stream = model(upstream, Limits()).stream(ASK)
    assert next(stream) == ["a"]
    upstream.open_gate("cut")
    with pytest.raises(ModelError) as error:
        next(stream)
    assert error.value.status == 502


@pytest.mark.parametrize(
    ("error", "mapped", "code"),
    [
        ({"message": "slow", "code": "rate_limit_exceeded"}, 429, "rate_limit_exceeded"),
        ({"message": "slow", "type": "rate_limit_error"}, 429, "rate_limit_exceeded"),
        ({"message": "slow", "code": 429}, 429, "rate_limit_exceeded"),
        ({"message": "paid", "code": "insufficient_quota"}, 429, "insufficient_quota"),
        ({"message": "busy", "type": "overloaded_error"}, 503, "upstream_unavailable"),
        ({"message": "key", "code": "401"}, 502, "upstream_auth"),
        ({"message": "?"}, 502, "upstream_error"),
        ("just text", 502, "upstream_error"),
    ],
)
def test_an_error_in_the_stream_is_mapped_and_comes_after_the_text(
    upstream: FakeUpstream, error: object, mapped: int, code: str
) -> None:
    frames = [delta(content="a"), {"error": error}]
    upstream.stream(b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames), finish=None)
    stream = model(upstream).stream(ASK)
    assert next(stream) == ["a"]
    with pytest.raises(ModelError) as raised:
        next(stream)
    assert (raised.value.status, raised.value.code) == (mapped, code)


@pytest.mark.parametrize("reason", ["error", "insufficient_system_resource"])
def test_a_finish_reason_that_means_failure_is_one(upstream: FakeUpstream, reason: str) -> None:
    upstream.stream("a", finish=reason)
    with pytest.raises(ModelError) as error:
        events(model(upstream))
    assert error.value.code == "upstream_error"


def test_an_error_in_a_200_is_mapped(upstream: FakeUpstream) -> None:
    upstream.answer({"error": {"message": "slow", "code": "rate_limit_exceeded"}})
    with pytest.raises(ModelRateLimited):
        events(model(upstream))


def test_a_stall_is_a_timeout(upstream: FakeUpstream) -> None:
    upstream.stream("a", HANG)
    stream = model(upstream, Limits(idle=0.2)).stream(ASK)
    assert next(stream) == ["a"]
    with pytest.raises(ModelTimeout) as error:
        next(stream)
    assert (error.value.status, error.value.code) == (504, "upstream_timeout")


def test_connect_and_first_byte_time_out() -> None:
    with black_hole() as url, pytest.raises(ModelTimeout):
        events(model(url, Limits(connect=0.1, retries=0)))
    with FakeUpstream() as silent:
        silent.reply(HANG)
        with pytest.raises(ModelTimeout, match="did not begin"):
            events(model(silent, Limits(first_byte=0.1, retries=0)))


def test_a_provider_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(ModelUnavailable) as error:
        events(model("http://127.0.0.1:1/v1"))
    assert (error.value.status, error.value.code) == (503, "upstream_unreachable")
