from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import RequestError
from flask_agent_api.params import PARAMS
from flask_agent_api.types import RunRequest
from flask_agent_api.web.schemas import check_pinned
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
    assert request.params.keys() == PARAMS.keys() - {"max_tokens", "max_completion_tokens", "response_format"}
    assert request.params["stop"] == "\n"
    assert request.params["frequency_penalty"] == -2


def test_nulls_are_as_good_as_absent() -> None:
    names = ALL_PARAMS.keys() - {"messages"}
    assert parsed(**dict.fromkeys(names)) == RunRequest([USER], {}, "")


def test_values_that_mean_nothing_are_not_passed_on() -> None:
    assert parsed(max_tokens=0, max_completion_tokens=0, stop=[]).params == {}
    falsy = {"temperature": 0, "seed": 0, "parallel_tool_calls": False, "logit_bias": {}}
    assert parsed(**falsy).params == falsy


@pytest.mark.parametrize(
    ("sent", "passed"),
    [
        ("u1", {"user": "u1"}),
        ({"id": "u1", "name": "Ada", "email": "a@b.c", "role": "admin"}, {"user": "u1"}),
        ({"email": "a@b.c"}, {"user": "a@b.c"}),
        ({"id": None, "name": "Ada"}, {}),
        ({"id": {"a": 1}}, {}),
        ({}, {}),
        (None, {}),
    ],
)
def test_a_user_is_passed_on_by_id(sent: object, passed: dict[str, str]) -> None:
    assert parsed(user=sent).params == passed


def test_content_is_passed_on_to_the_byte() -> None:
    parts = [
        {"type": "text", "text": " é\r\n\u2028\x00 ", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
        {"type": "of_the_future", "value": [None, 1.5]},
    ]
    messages = [{"role": "user", "content": parts}, {"role": "user", "content": " \t😀\n"}]
    assert parsed(messages=messages).messages == messages


def test_replayed_tool_calls_of_unknown_tools_stay() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "theirs", "input": "x"}, "index": 0}
    messages = [
        USER,
        {"role": "assistant", "tool_calls": [call], "content": None},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "r"}], "name": "theirs"},
        {"role": "assistant", "audio": {"id": "a1"}, "content": None},
    ]
    assert parsed(messages=messages).messages == messages


def pinned(params: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = json.dumps({"messages": [USER], **fields}).encode()
    return dict(run_request(parse_request(body, 2000), params).params)


def test_pinned_parameters_replace_what_was_sent() -> None:
    assert pinned({"temperature": 0}, temperature=1, top_p=0.5) == {"temperature": 0, "top_p": 0.5}
    assert pinned({"seed": 7}) == {"seed": 7}
    assert pinned({"seed": None}, seed=3) == {}
    assert pinned({"max_tokens": 9}, max_completion_tokens=1000) == {"max_tokens": 9}


def test_a_value_that_no_request_could_set_cannot_be_pinned() -> None:
    check_pinned({"temperature": 0, "user": "x", "stop": ["a"], "seed": None})
    for params, place in (({"temperature": 3}, "temperature"), ({"max_tokens": "many"}, "max_tokens")):
        with pytest.raises(ConfigError, match=f"AGENT_API_PARAMS: {place}"):
            check_pinned(params)


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
    start = time.thread_time()
    refused(body)
    assert time.thread_time() - start < 0.05


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
        ({"messages": [{"role": "user", "content": ["secret"]}]}, "messages[0].content[0]"),
        ({"messages": [USER] * 4}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"model": 5}, "model"),
        ({"model": "m" * 513}, "model"),
        ({"stream": "secret"}, "stream"),
        ({"stream_options": "secret"}, "stream_options"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stop": [5]}, "stop[0]"),
        ({"messages": [{"role": "user", "content": [{"text": "secret"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": 5}], "stop": [5]}, "messages[0].content"),
        ({"n": 2}, "n"),
        ({"n": 0}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"user": 5}, "user"),
        ({"tools": "secret"}, "tools"),
        ({"tools": [{"type": "function"}, "secret"]}, "tools[1]"),
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


@settings(deadline=None)
@given(st.dictionaries(FIELDS, JSON, max_size=4), st.lists(st.just(USER) | MESSAGE, max_size=3))
def test_no_json_is_more_than_a_bad_request(fields: dict[str, Any], messages: list[Any]) -> None:
    with suppress(RequestError):
        run_request(parse_request(json.dumps({"messages": messages, **fields}).encode(), 2000))
