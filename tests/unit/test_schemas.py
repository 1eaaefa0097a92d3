from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_agent_api.errors import RequestError
from flask_agent_api.types import RunRequest
from flask_agent_api.web.schemas import parse_request
from flask_agent_api.web.schemas import run_request

USER = {"role": "user", "content": "hi"}

ALL_PARAMS = {
    "messages": [
        {"role": "developer", "content": "be brief", "name": "dev"},
        {"role": "system", "content": [{"type": "text", "text": "rules", "prompt_cache_breakpoint": {}}]},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}]},
        {"role": "assistant", "content": None, "refusal": None, "audio": {"id": "a"}, "function_call": None,
         "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "result"},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": None},
        {"role": "user", "content": "go on", "name": "ada"},
    ],
    "model": "gpt-5.4", "stream": False, "stream_options": {"include_obfuscation": True, "include_usage": True},
    "audio": {"format": "wav", "voice": "ash"}, "frequency_penalty": -2, "function_call": "none",
    "functions": [{"name": "name", "parameters": {}}], "logit_bias": {"foo": 0}, "logprobs": False,
    "max_completion_tokens": 0, "max_tokens": 0, "metadata": {"foo": "string"}, "modalities": ["text"], "n": 1,
    "parallel_tool_calls": True, "prediction": {"content": "string", "type": "content"}, "presence_penalty": -2,
    "prompt_cache_key": "k", "reasoning_effort": "none", "response_format": {"type": "text"}, "safety_identifier": "s",
    "seed": -9007199254740991, "service_tier": "auto", "stop": "\n", "store": True, "temperature": 1,
    "tool_choice": "none", "tools": [{"function": {"name": "n"}, "type": "function"}], "top_logprobs": 0, "top_p": 1,
    "user": "user-1234", "verbosity": "low", "web_search_options": {}, "unheard_of": [1],
}  # fmt: skip


def parsed(**fields: Any) -> RunRequest:
    return run_request(parse_request(json.dumps({"messages": [USER], **fields}).encode(), 2000))


def refused(body: bytes | dict[str, Any]) -> RequestError:
    with pytest.raises(RequestError) as caught:
        parse_request(body if isinstance(body, bytes) else json.dumps(body).encode(), 3)
    assert (caught.value.status, caught.value.type) == (400, "invalid_request_error")
    return caught.value


def test_everything_the_sdk_can_send_is_accepted() -> None:
    request = run_request(parse_request(json.dumps(ALL_PARAMS).encode(), 2000))
    assert request.text == "go on"
    assert request.messages[3]["tool_calls"][0]["id"] == "c"
    assert request.messages[5] == {
        "role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}
    }  # fmt: skip
    assert request.messages[6] == {"role": "function", "name": "f", "content": ""}
    assert not {"max_tokens", "max_completion_tokens", "tools", "user", "metadata"} & request.params.keys()
    assert request.params["stop"] == "\n"
    assert request.params["frequency_penalty"] == -2


def test_nulls_are_as_good_as_absent() -> None:
    names = ALL_PARAMS.keys() - {"messages"}
    assert parsed(**dict.fromkeys(names)) == RunRequest([USER], {}, "")


def test_every_message_has_content() -> None:
    request = parsed(messages=[{"role": "user"}, {"role": "tool", "content": None}, {"role": "assistant"}])
    assert [message["content"] for message in request.messages] == ["", "", None]


def test_empty_tool_calls_are_left_out() -> None:
    request = parsed(messages=[USER, {"role": "assistant", "content": "x", "tool_calls": []}])
    assert request.messages[1] == {"role": "assistant", "content": "x"}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b"1", b'"x"', b"\xff", b"{'a': 1}", b'\xef\xbb\xbf{"messages": []}',
        json.dumps({"messages": [USER]}).encode("utf-16"), b'{"messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"messages":[{"role":"user","content":[{"type":"text","text":NaN}]}]}', b"[" * 100_000, b'{"a":' * 100_000,
        b'{"messages":[{"role":"user"}],"seed":1' + b"0" * 5000 + b"}",
        b'{"messages":[{"role":"user"}],"temperature":Infinity}',
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_refused_at_once(body: bytes) -> None:
    start = time.perf_counter()
    refused(body)
    assert time.perf_counter() - start < 0.05


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [USER, {"role": "secret"}]}, "messages[1].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["secret"]}]}, "messages[0].content"),
        ({"messages": [USER] * 4}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"model": 5}, "model"),
        ({"model": "m" * 513}, "model"),
        ({"stream": "secret"}, "stream"),
        ({"stream_options": "secret"}, "stream_options"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stop": [5]}, "stop"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "secret"}}}, "tool_choice"),
        ({"response_format": "secret"}, "response_format"),
    ],
)
def test_wrong_field_is_named_but_not_its_value(fields: dict[str, Any], param: str) -> None:
    error = refused({"messages": [USER], **fields})
    assert error.param == param
    assert "secret" not in error.message


def test_last_of_two_keys_wins() -> None:
    body = b'{"model":"a","messages":[{"role":"user","content":"x"}],"model":"b"}'
    assert parse_request(body, 5).model == "b"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(sorted(ALL_PARAMS))
MESSAGE = st.dictionaries(st.sampled_from(["role", "content", "name", "tool_calls", "tool_call_id"]), JSON)


@given(st.dictionaries(FIELDS, JSON, max_size=4), st.lists(st.just(USER) | MESSAGE, max_size=3))
def test_no_json_is_more_than_a_bad_request(fields: dict[str, Any], messages: list[Any]) -> None:
    with suppress(RequestError):
        run_request(parse_request(json.dumps({"messages": messages, **fields}).encode(), 2000))
