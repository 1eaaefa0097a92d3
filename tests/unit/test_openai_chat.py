"""What goes to a provider, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from chat_model import ASK
from chat_model import delta
from chat_model import events
from chat_model import HEAD
from chat_model import model

from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ModelUnavailable
from flask_agent_api.errors import NO_RETRY
from flask_agent_api.models.base import Finish
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.testing import CLOSE
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import gate
from flask_agent_api.types import ReasoningDelta
from flask_agent_api.types import RefusalDelta
from flask_agent_api.types import Usage


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


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
