"""What providers that only look like OpenAI's are sent, as they get it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from flask_agent_api.errors import ModelError
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.config import Cost
from flask_agent_api.models.config import Limits
from flask_agent_api.models.config import ModelConfig
from flask_agent_api.models.openai_chat import OpenAIChatModel
from flask_agent_api.models.providers import resolve
from flask_agent_api.settings import Settings
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.types import Message
from flask_agent_api.types import Usage

USER: Message = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
SIGNED = {"google": {"thought_signature": "abc"}}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture(autouse=True)
def _fresh(upstream: FakeUpstream) -> None:
    upstream.reset()


def model(upstream: FakeUpstream, provider: str, name: str, **fields: Any) -> OpenAIChatModel:
    """A model of that provider, whose requests come here."""
    config = resolve(ModelConfig(provider=provider, model=name, api_key="key", **fields), Settings(), {})
    here = OpenAIChatModel(config, Limits(retries=0))
    here._endpoint = OpenAIChatModel(replace(config, base_url=upstream.url))._endpoint
    return here


def body(upstream: FakeUpstream, chat: OpenAIChatModel, *messages: Message, **request: Any) -> dict[str, Any]:
    """The body of one call."""
    upstream.text("x")
    list(chat.stream(ModelRequest(messages or [USER], **request)))
    sent: dict[str, Any] = upstream.requests[-1].json
    return sent


def call(id: str = "c", **more: Any) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}


def loop(*calls: dict[str, Any]) -> list[Message]:
    results = [{"role": "tool", "tool_call_id": each["id"], "content": "1"} for each in calls]
    return [USER, {"role": "assistant", "content": None, "tool_calls": list(calls)}, *results]


# Anthropic


def test_claude_thinks_within_an_answer_that_is_long_enough(upstream: FakeUpstream) -> None:
    chat = model(upstream, "anthropic", "claude-sonnet-4-5", thinking=4_000, params={"temperature": 0.2, "top_p": 0.5})
    sent = body(upstream, chat)
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 4_000}
    assert sent["max_tokens"] == 12_192
    assert not {"temperature", "top_p"} & set(sent)
    assert body(upstream, chat, params={"max_tokens": 5_000})["thinking"]


@pytest.mark.parametrize(
    ("messages", "request_"),
    [
        ([USER], {"params": {"max_tokens": 4_000}}),
        ([USER], {"params": {"tool_choice": "required"}, "tools": [TOOL]}),
        (loop(call()), {"tools": [TOOL]}),
        (loop(call()), {"tools": [TOOL], "params": {"response_format": FORMAT}}),
    ],
    ids=["shorter answer", "forced tool", "after a call", "after a call, with a format"],
)
def test_claude_does_not_think_where_it_would_be_refused(
    upstream: FakeUpstream, messages: list[Message], request_: dict[str, Any]
) -> None:
    chat = model(upstream, "anthropic", "claude-sonnet-4-5", thinking=4_000, params={"temperature": 0.2})
    sent = body(upstream, chat, *messages, **request_)
    assert "thinking" not in sent
    assert sent["temperature"] == 0.2


def test_newer_claude_decides_itself_how_much(upstream: FakeUpstream) -> None:
    chat = model(upstream, "anthropic", "claude-opus-4-6", thinking="adaptive/low", params={"temperature": 0.2})
    sent = body(upstream, chat, *loop(call()), tools=[TOOL])
    assert (sent["thinking"], sent["output_config"]) == ({"type": "adaptive"}, {"effort": "low"})
    assert not {"temperature", "max_tokens"} & set(sent)


def test_claude_takes_one_of_two_sampling_settings_and_later_none(upstream: FakeUpstream) -> None:
    params = {"temperature": 0.2, "top_p": 0.5}
    assert "top_p" not in body(upstream, model(upstream, "anthropic", "claude-haiku-4-5", params=params))
    newest = body(upstream, model(upstream, "anthropic", "claude-opus-4-7", params=params))
    assert not {"temperature", "top_p"} & set(newest)


def test_claude_gets_no_empty_text(upstream: FakeUpstream) -> None:
    said: list[Message] = [
        {"role": "user", "content": " \n"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": "", "tool_calls": [call(extra_content=SIGNED)]},
        {"role": "tool", "tool_call_id": "c", "content": ""},
    ]
    sent = body(upstream, model(upstream, "anthropic", "claude-haiku-4-5"), *said)["messages"]
    assert sent == [
        said[2],
        {"role": "assistant", "content": None, "tool_calls": [call()]},
        {"role": "tool", "tool_call_id": "c", "content": "(no output)"},
    ]
    assert said[3]["tool_calls"] == [call(extra_content=SIGNED)]


def test_claude_is_told_the_format_in_words(upstream: FakeUpstream) -> None:
    chat = model(upstream, "anthropic", "claude-haiku-4-5")
    sent = body(upstream, chat, params={"response_format": FORMAT})
    assert "response_format" not in sent
    assert sent["messages"][0] == USER
    assert '"n": {"type": "integer"}' in sent["messages"][1]["content"]
    plain = body(upstream, chat, params={"response_format": {"type": "text"}})
    assert plain["messages"] == [USER]


def test_claudes_tools_take_objects(upstream: FakeUpstream) -> None:
    bare = {"type": "function", "function": {"name": "g", "parameters": {}}}
    sent = body(upstream, model(upstream, "anthropic", "claude-haiku-4-5"), tools=[TOOL, bare])
    assert sent["tools"] == [TOOL, {**bare, "function": {"name": "g", "parameters": TOOL["function"]["parameters"]}}]


# Google


def test_gemini_gets_its_signatures_back(upstream: FakeUpstream) -> None:
    messages = loop(call("a", extra_content=SIGNED, other=1), call("b"))
    sent = body(upstream, model(upstream, "google", "gemini-3-flash"), *messages, tools=[TOOL])
    assert sent["messages"][1]["tool_calls"] == [call("a", extra_content=SIGNED), call("b")]


def test_gemini_is_told_of_calls_that_are_not_its_own(upstream: FakeUpstream) -> None:
    sent = body(upstream, model(upstream, "google", "gemini-3-flash"), *loop(call("a"), call("b")), tools=[TOOL])
    dummy = {"google": {"thought_signature": "skip_thought_signature_validator"}}
    assert sent["messages"][1]["tool_calls"] == [call("a", extra_content=dummy), call("b")]
    older = body(upstream, model(upstream, "google", "gemini-2.5-flash"), *loop(call("a")), tools=[TOOL])
    assert older["messages"][1]["tool_calls"] == [call("a")]


def test_gemini_thinks_by_tokens_unless_the_request_says_how_much(upstream: FakeUpstream) -> None:
    chat = model(upstream, "google", "gemini-2.5-flash", thinking=0)
    assert body(upstream, chat)["extra_body"] == {"google": {"thinking_config": {"thinking_budget": 0}}}
    asked = body(upstream, chat, params={"reasoning_effort": "high"})
    assert (asked["reasoning_effort"], "extra_body" in asked) == ("high", False)


def test_gemini_gets_nothing_that_it_refuses(upstream: FakeUpstream) -> None:
    params = {"seed": 1, "frequency_penalty": 1, "presence_penalty": 1, "logit_bias": {}, "user": "u", "top_p": 0.5}
    sent = body(upstream, model(upstream, "google", "gemini-3-flash", params=params | {"max_tokens": 5}))
    assert sent.keys() - {"model", "messages", "stream", "stream_options"} == {"top_p", "max_tokens"}


def test_older_gemini_takes_a_format_or_tools(upstream: FakeUpstream) -> None:
    params = {"response_format": FORMAT}
    chat = model(upstream, "google", "gemini-2.5-flash")
    assert body(upstream, chat, params=params)["response_format"] == FORMAT
    assert "response_format" not in body(upstream, chat, params=params, tools=[TOOL])
    newer = body(upstream, model(upstream, "google", "gemini-3-flash"), params=params, tools=[TOOL])
    assert newer["response_format"] == FORMAT


def test_geminis_tools_are_said_in_its_words(upstream: FakeUpstream) -> None:
    parameters = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "kind": {"const": "a"},
            "size": {"enum": [1, 2], "type": "integer", "description": "How big."},
            "maybe": {"type": ["string", "null"], "minLength": 1},
            "either": {"oneOf": [{"type": "string"}, {"type": "integer", "exclusiveMinimum": 0}]},
            "who": {"$ref": "#/$defs/person"},
            "all": {"allOf": [{"$ref": "#/$defs/person"}], "description": "Everyone."},
            "many": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "uniqueItems": True},
            "any": True,
        },
        "required": ["kind", "gone"],
        "additionalProperties": False,
        "$defs": {
            "person": {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False},
            "tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}},
        },
    }
    tool = {"type": "function", "function": {"name": "g", "strict": True, "parameters": parameters}}
    sent = body(upstream, model(upstream, "google", "gemini-3-flash"), tools=[TOOL, tool])["tools"]
    assert sent[0] == {"type": "function", "function": {"name": "f"}}
    assert sent[1]["function"].keys() == {"name", "parameters"}
    found = sent[1]["function"]["parameters"]
    many = found["properties"].pop("many")
    assert found == {
        "type": "object",
        "properties": {
            "kind": {"enum": ["a"]},
            "size": {"type": "integer", "description": "How big. One of: 1, 2."},
            "maybe": {"type": "string", "minLength": 1, "nullable": True},
            "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            "who": {"type": "object", "properties": {"name": {"type": "string"}}},
            "all": {"type": "object", "properties": {"name": {"type": "string"}}, "description": "Everyone."},
            "any": {},
        },
        "required": ["kind"],
    }
    assert many["items"]["properties"]["left"]["type"] == "object"


# Others


def test_mistral_takes_calls_of_other_models(upstream: FakeUpstream) -> None:
    chat = model(upstream, "mistral", "mistral-small")
    _, asked, *results = body(upstream, chat, *loop(call("call_with_a_long_id"), call("abcDEF123")), tools=[TOOL])[
        "messages"
    ]
    ids = [each["id"] for each in asked["tool_calls"]]
    assert ids[1] == "abcDEF123"
    assert len(ids[0]) == 9
    assert ids[0].isalnum()
    assert [result["tool_call_id"] for result in results] == ids


@pytest.mark.parametrize(("provider", "kept"), [("openai", False), ("openrouter", True)])
def test_what_others_put_into_calls_goes_back_to_them_alone(upstream: FakeUpstream, provider: str, kept: bool) -> None:
    sent = body(upstream, model(upstream, provider, "m"), *loop(call(extra_content=SIGNED)), tools=[TOOL])
    assert sent["messages"][1]["tool_calls"] == [call(extra_content=SIGNED) if kept else call()]


def test_extra_fields_of_a_file_come_last(upstream: FakeUpstream) -> None:
    chat = model(upstream, "groq", "m", params={"temperature": 1}, extra_body={"temperature": 0, "store": False})
    sent = body(upstream, chat, params={"temperature": 0.5})
    assert (sent["temperature"], sent["store"]) == (0, False)


def test_usage_is_not_asked_for_where_the_file_does_not_want_it(upstream: FakeUpstream) -> None:
    assert "stream_options" not in body(upstream, model(upstream, "groq", "m", track_usage=False))


def test_attachments_that_a_model_cannot_read_are_named_to_it(upstream: FakeUpstream) -> None:
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:"}},
        {"type": "file", "file": {"file_data": "x"}},
    ]
    said: Message = {"role": "user", "content": parts}
    blind = body(upstream, model(upstream, "ollama", "m", unreadable=("image",)), said, USER)["messages"]
    note = {"type": "text", "text": "[An image was attached here. This model cannot see images.]"}
    assert blind == [{"role": "user", "content": [parts[0], note, parts[2]]}, USER]
    assert body(upstream, model(upstream, "ollama", "m"), said)["messages"] == [said]


def test_usage_has_its_price(upstream: FakeUpstream) -> None:
    cost = Cost(input=2, output=10, cache_read=0.5)
    used = {"prompt_tokens": 1_000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}}
    upstream.text("x", usage=used)  # type: ignore[arg-type]
    events = [each for batch in model(upstream, "groq", "m", cost=cost).stream(ModelRequest([USER])) for each in batch]
    assert events[-1] == Usage(1_000, 100, 400, 0, pytest.approx(0.0024))
    total = Usage(cost=1.5) + Usage(cost=0.25)
    assert total.cost == 1.75


# Objections

TOOLS_OR_EFFORT = "Function tools with reasoning_effort are not supported for m in /v1/chat/completions."


def test_a_model_that_will_not_think_with_tools_goes_without(upstream: FakeUpstream) -> None:
    chat = model(upstream, "openai", "gpt-5.6", thinking="high")
    upstream.error(400, TOOLS_OR_EFFORT)
    assert body(upstream, chat, tools=[TOOL])["reasoning_effort"] == "none"
    assert body(upstream, chat, tools=[TOOL])["reasoning_effort"] == "none"
    assert body(upstream, chat)["reasoning_effort"] == "high"
    assert [request.json.get("reasoning_effort") for request in upstream.requests] == ["high", "none", "none", "high"]


def test_a_model_that_knows_no_effort_is_asked_without(upstream: FakeUpstream) -> None:
    chat = model(upstream, "openrouter", "m", thinking="high")
    upstream.error(400, "Unrecognized request argument supplied: reasoning_effort")
    upstream.error(400, "Unrecognized request argument supplied: reasoning_effort")
    upstream.error(400, "Unrecognized request argument supplied: stream_options")
    sent = body(upstream, chat, tools=[TOOL])
    assert not {"reasoning_effort", "stream_options"} & set(sent)
    assert "reasoning_effort" not in body(upstream, chat)


def test_what_the_client_asked_for_is_not_given_up(upstream: FakeUpstream) -> None:
    upstream.error(400, TOOLS_OR_EFFORT)
    request = ModelRequest([USER], [TOOL], {"reasoning_effort": "high"})
    with pytest.raises(ModelError, match="Function tools with reasoning_effort"):
        list(model(upstream, "openai", "gpt-5.6").stream(request))
    assert len(upstream.requests) == 1
