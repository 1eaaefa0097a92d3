from __future__ import annotations

import email.utils
import json
import logging
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ModelError
from flask_agent_api.errors import ModelRateLimited
from flask_agent_api.errors import ModelTimeout
from flask_agent_api.errors import ModelUnavailable
from flask_agent_api.errors import NO_RETRY
from flask_agent_api.models import retry
from flask_agent_api.models.base import Finish
from flask_agent_api.models.base import ModelEvent
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.models.openai_chat import Limits
from flask_agent_api.models.openai_chat import ModelConfig
from flask_agent_api.models.openai_chat import OpenAIChatModel
from flask_agent_api.testing import black_hole
from flask_agent_api.testing import CLOSE
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import gate
from flask_agent_api.testing import HANG
from flask_agent_api.testing import RESET
from flask_agent_api.types import ReasoningDelta
from flask_agent_api.types import RefusalDelta
from flask_agent_api.types import Usage

ASK = ModelRequest([{"role": "user", "content": "hi"}])
ONCE = Limits(retries=0)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def _no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_DELAY", 0.01)


def model(upstream: FakeUpstream | str, limits: Limits = ONCE, **fields: Any) -> OpenAIChatModel:
    url = upstream if isinstance(upstream, str) else upstream.url
    config = {"provider": "openai", "model": "m", "base_url": url, "api_key": "key"} | fields
    return OpenAIChatModel(ModelConfig(**config), limits)


def events(model: OpenAIChatModel, request: ModelRequest = ASK) -> list[ModelEvent]:
    return [event for batch in model.stream(request) for event in batch]


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


# What is sent


def test_what_the_provider_refuses_is_left_out(upstream: FakeUpstream) -> None:
    upstream.text("x")
    asked = ModelRequest(ASK.messages, [], {"user": "u", "seed": 1})
    events(model(upstream, refuses=("user",)), asked)
    assert upstream.requests[-1].json.keys() & {"user", "seed"} == {"seed"}


def test_the_body_has_everything_and_the_key_goes_as_bearer(upstream: FakeUpstream) -> None:
    upstream.text("x")
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    chat = model(upstream, params={"temperature": 0.1, "top_p": 0.5}, headers={"X-Team": "a"})
    events(chat, ModelRequest(ASK.messages, [tool], {"temperature": 0.9, "tool_choice": "auto"}))
    request = upstream.requests[-1]
    assert request.path == "/v1/chat/completions"
    assert request.json == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.9,
        "top_p": 0.5,
        "tool_choice": "auto",
        "tools": [tool],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert request.headers["authorization"] == "Bearer key"
    assert request.headers["x-team"] == "a"
    assert request.headers["content-type"] == "application/json"
    assert not [name for name in request.headers if name.startswith("x-stainless")]


def test_settings_of_tools_need_tools(upstream: FakeUpstream) -> None:
    upstream.text("x")
    events(model(upstream, params={"parallel_tool_calls": False, "tool_choice": "auto"}))
    assert not {"tools", "parallel_tool_calls", "tool_choice"} & set(upstream.requests[-1].json)


@pytest.mark.parametrize(
    ("field", "own", "asked", "sent"),
    [
        ("", {"max_tokens": 1}, {}, {"max_tokens": 1}),
        ("", {"max_tokens": 1}, {"max_completion_tokens": 2}, {"max_completion_tokens": 2}),
        ("max_completion_tokens", {"max_tokens": 1}, {}, {"max_completion_tokens": 1}),
        ("max_completion_tokens", {"max_tokens": 1}, {"max_tokens": 2}, {"max_completion_tokens": 2}),
    ],
)
def test_one_limit_of_the_output_is_sent(
    upstream: FakeUpstream, field: str, own: dict[str, int], asked: dict[str, int], sent: dict[str, int]
) -> None:
    upstream.text("x")
    events(model(upstream, params=own, max_tokens_field=field), ModelRequest(ASK.messages, params=asked))
    body = upstream.requests[-1].json
    assert {name: body[name] for name in body if name.startswith("max_")} == sent


def test_the_environment_for_openai_stays_with_openai(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer other\nX-Secret: 1")
    for provider in ("mistral", "openai"):
        upstream.text("x")
        events(model(upstream, provider=provider))
    theirs, openais = (request.headers for request in upstream.requests[-2:])
    assert theirs["authorization"] == "Bearer key"
    assert not {"openai-organization", "openai-project", "x-secret"} & set(theirs)
    assert openais["openai-organization"] == "org-1"


def test_azure_has_the_deployment_in_its_path_and_its_own_header(upstream: FakeUpstream) -> None:
    upstream.text("x")
    events(model(upstream.url.removesuffix("/v1"), provider="azure", model="my gpt", api_version="2024-10-21"))
    request = upstream.requests[-1]
    assert request.path == "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
    assert request.headers["api-key"] == "key"
    assert "authorization" not in request.headers


def test_a_query_of_the_base_url_is_kept(upstream: FakeUpstream) -> None:
    upstream.text("x")
    events(model(f"{upstream.url}/?tenant=a%20b"))
    assert upstream.requests[-1].path in ("/v1/chat/completions?tenant=a%20b", "/v1/chat/completions?tenant=a+b")


def test_the_key_is_read_at_each_call(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = model(upstream, api_key="", token_key="TEST_MODEL_KEY")
    for key in ("one", "two\n"):
        monkeypatch.setenv("TEST_MODEL_KEY", key)
        upstream.text("x")
        events(chat)
        assert upstream.requests[-1].headers["authorization"] == f"Bearer {key.strip()}"


def test_a_missing_key_is_503_and_names_the_variable(upstream: FakeUpstream) -> None:
    sent = len(upstream.requests)
    with pytest.raises(ModelUnavailable, match="needs the environment variable TEST_MODEL_KEY") as error:
        events(model(upstream, api_key="", token_key="TEST_MODEL_KEY"))
    assert (error.value.status, error.value.code) == (503, "missing_api_key")
    assert error.value.headers == NO_RETRY
    assert len(upstream.requests) == sent


@pytest.mark.parametrize("fields", [{}, {"token_key": "TEST_MODEL_KEY", "key_optional": True}])
@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_without_a_key_none_is_sent(upstream: FakeUpstream, fields: dict[str, Any], provider: str) -> None:
    upstream.text("x")
    events(model(upstream, api_key="", provider=provider, **fields))
    assert "authorization" not in upstream.requests[-1].headers


@pytest.mark.parametrize("key", ["a\r\nX-Evil: 1", "schlüssel"])
def test_a_key_that_is_no_header_is_503_and_stays_secret(
    upstream: FakeUpstream, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_MODEL_KEY", key)
    with pytest.raises(ModelUnavailable, match="TEST_MODEL_KEY") as error:
        events(model(upstream, api_key="", token_key="TEST_MODEL_KEY"))
    assert key not in str(error.value)


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://x/v1"])
def test_a_wrong_base_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError):
        model(url)


# What comes back


def test_text_is_one_event_for_each_chunk_then_finish_and_usage(upstream: FakeUpstream) -> None:
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    upstream.stream(delta(role="assistant", content=""), "Hel", "lo ", "é\U0001f600", usage=usage)
    assert events(model(upstream)) == ["Hel", "lo ", "é\U0001f600", Finish("stop"), Usage(7, 5, 3, 2)]


def test_one_read_is_one_batch(upstream: FakeUpstream) -> None:
    two = b"".join(b"data: " + json.dumps(delta(content=text)).encode() + b"\n\n" for text in "ab")
    upstream.stream(two, gate("batch"), "c")
    stream = model(upstream).stream(ASK)
    assert next(stream) == ["a", "b"]
    upstream.open_gate("batch")
    assert [event for batch in stream for event in batch] == ["c", Finish("stop")]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_is_its_own_event(upstream: FakeUpstream, key: str) -> None:
    upstream.stream(delta(**{key: "hm"}), delta(content="a", **{key: None}))
    assert events(model(upstream)) == [ReasoningDelta("hm"), "a", Finish("stop")]


def test_tool_calls_come_in_pieces(upstream: FakeUpstream) -> None:
    upstream.stream(
        delta(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        delta(
            tool_calls=[
                {"index": 0, "id": None, "function": {"name": None, "arguments": ":1}"}},
                {"index": 1, "id": "c2", "function": {"name": "g", "arguments": None}},
            ]
        ),
        finish="tool_calls",
    )
    assert events(model(upstream)) == [
        ToolCallDelta(0, "c1", "f", ""),
        ToolCallDelta(0, "", "", '{"a"'),
        ToolCallDelta(0, "", "", ":1}"),
        ToolCallDelta(1, "c2", "g", ""),
        Finish("tool_calls"),
    ]


@pytest.mark.parametrize("index", [{}, {"index": 0}, {"index": None}], ids=["none", "always 0", "null"])
def test_whole_tool_calls_without_a_right_index_are_told_apart(upstream: FakeUpstream, index: dict[str, Any]) -> None:
    calls = [{**index, "id": f"c{n}", "function": {"name": "f", "arguments": {"n": n}}} for n in range(2)]
    upstream.stream(delta(tool_calls=calls), finish="stop")
    assert events(model(upstream))[:2] == [
        ToolCallDelta(0, "c0", "f", '{"n": 0}'),
        ToolCallDelta(1, "c1", "f", '{"n": 1}'),
    ]


def test_the_old_function_call_is_a_tool_call(upstream: FakeUpstream) -> None:
    upstream.stream(
        delta(function_call={"name": "f", "arguments": ""}),
        delta(function_call={"arguments": "{}"}),
        finish="function_call",
    )
    assert events(model(upstream)) == [
        ToolCallDelta(0, "", "f", ""),
        ToolCallDelta(0, "", "", "{}"),
        Finish("tool_calls"),
    ]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("SAFETY", "content_filter"),
     ("model_length", "length"), ("eos_token", "stop")],
)  # fmt: skip
def test_a_finish_reason_is_one_of_openais(upstream: FakeUpstream, reason: str, finish: str) -> None:
    upstream.stream("a", finish=reason)
    assert events(model(upstream)) == ["a", Finish(finish)]


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": []},
        {"choices": None},
        {"choices": [{"index": 0, "delta": None, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}}]},
        {"choices": [{"delta": {"content": None, "tool_calls": None, "refusal": None}}]},
        {"choices": [{"index": 1, "delta": {"content": "other"}, "finish_reason": "length"}]},
        {"choices": [], "usage": None, "prompt_filter_results": [{}]},
        b": keep-alive\n\n",
        b"event: ping\nid: 1\n\n",
        b"data:\n\n",
    ],
)
def test_odd_chunks_are_survived(upstream: FakeUpstream, chunk: dict[str, Any] | bytes) -> None:
    upstream.stream(chunk, "a", chunk)
    assert events(model(upstream)) == ["a", Finish("stop")]


def test_a_refusal_and_parts_of_content_are_read(upstream: FakeUpstream) -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}]
    upstream.stream(delta(content=parts), delta(refusal="no"))
    assert events(model(upstream)) == [ReasoningDelta("hm"), "a", RefusalDelta("no"), Finish("stop")]


def test_usage_that_is_repeated_counts_once(upstream: FakeUpstream) -> None:
    growing = [delta(content="a") | {"usage": {"prompt_tokens": 5, "completion_tokens": n}} for n in (1, 2)]
    upstream.stream(*growing)
    assert events(model(upstream)) == ["a", "a", Finish("stop"), Usage(5, 2)]


@pytest.mark.parametrize("ending", [b"", b"data: [DONE]", b"data: [DONE]\n\n", b"data: [DONE]\n\ndata: junk\n\n"])
def test_done_may_be_missing_or_lack_its_blank_line(upstream: FakeUpstream, ending: bytes) -> None:
    finish = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
    upstream.reply(HEAD + b"data: " + json.dumps(finish).encode() + b"\r\n\r\n" + ending, CLOSE)
    assert events(model(upstream)) == ["a", Finish("stop")]


def test_a_connection_serves_one_call_after_the_other(upstream: FakeUpstream) -> None:
    before = upstream.connections
    for _ in range(3):
        upstream.text("a")
        events(model(upstream))
    assert upstream.connections - before <= 1


def test_a_server_that_does_not_stream_is_accepted(upstream: FakeUpstream) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": "hi", "tool_calls": [call]}
    upstream.answer(
        {
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        }
    )
    assert list(model(upstream).stream(ASK)) == [
        ["hi", ToolCallDelta(0, "c1", "f", "{}"), Finish("tool_calls"), Usage(1, 2)]
    ]


# Failures


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
    upstream.error(429, Retry_After="0.3")
    upstream.text("a")
    start = time.monotonic()
    assert events(model(upstream, Limits(retries=1)))[0] == "a"
    assert 0.3 <= time.monotonic() - start < 0.5


@pytest.mark.parametrize(("after", "left"), [("60", 1000.0), ("3", 1.0)], ids=["too long", "beyond the deadline"])
def test_a_wait_that_is_too_long_is_the_clients(upstream: FakeUpstream, after: str, left: float) -> None:
    upstream.error(429, Retry_After=after)
    start = time.monotonic()
    with pytest.raises(ModelRateLimited) as error:
        events(model(upstream, Limits(retries=2)), ModelRequest(ASK.messages, deadline=start + left))
    assert error.value.headers == {"Retry-After": after}
    assert time.monotonic() - start < 0.5


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
