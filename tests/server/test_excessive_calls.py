"""A provider that sends more calls of tools, or longer ones, than anybody can use."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from flask_agent_api import create_app
from flask_agent_api import ModelAgent
from flask_agent_api import tool
from flask_agent_api.models.config import ModelConfig
from flask_agent_api.models.openai_chat import OpenAIChatModel
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.tools.function import FunctionToolset
from tests.support import QUESTION

MEGABYTE = 1_000_000
SECONDS = 2.0
"""Of the processor, for ten megabytes in small pieces: some tenths, but minutes where each piece costs all of them."""

kept: list[int] = []


@tool
def keep(text: str) -> str:
    """Keeps a text."""
    kept.append(len(text))
    return "kept"


@pytest.fixture
def client(upstream: FakeUpstream) -> FlaskClient:
    upstream.reset()
    kept.clear()
    model = OpenAIChatModel(ModelConfig(provider="test", model="m", base_url=upstream.url))
    agent = ModelAgent("root", model, toolsets=(FunctionToolset("keeping", [keep]),))
    return create_app({"AGENT_API_AGENTS": [agent]}).test_client()


def piece(arguments: str, index: int = 0, name: str = "") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    call = {"index": index, "type": "function", "function": function} | ({"id": f"call_{index}"} if name else {})
    return {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}


def ask(client: FlaskClient) -> dict[str, Any]:
    answer = client.post("/v1/chat/completions", json=QUESTION)
    assert answer.status_code == 200, answer.get_data()
    return dict(answer.get_json()["choices"][0])


def told(upstream: FakeUpstream) -> tuple[str, str]:
    """The arguments of the first call and its result, as the model was sent them next."""
    [call] = [message for message in upstream.requests[-1].json["messages"] if message.get("tool_calls")]
    [result] = [message for message in upstream.requests[-1].json["messages"] if message["role"] == "tool"]
    return call["tool_calls"][0]["function"]["arguments"], result["content"]


@pytest.mark.slow
@pytest.mark.parametrize("size", [10 * MEGABYTE, 2_000], ids=["at once", "in pieces"])
def test_arguments_of_ten_megabytes_are_an_error_for_the_model(
    client: FlaskClient, upstream: FakeUpstream, size: int
) -> None:
    text = "x" * size
    pieces = [piece(text)] * (10 * MEGABYTE // size)
    upstream.stream(piece('{"text": "', name="keep"), *pieces, piece('"}'), finish="tool_calls")
    upstream.text("I will use less.")
    began = time.thread_time()
    assert ask(client)["message"]["content"] == "I will use less."
    assert time.thread_time() - began < SECONDS
    arguments, result = told(upstream)
    assert json.loads(arguments) == {"left_out": "too long"}
    assert result == "Error: the arguments are longer than 1,000,000 characters. Use less at a time."
    assert kept == []


def test_nor_are_they_handed_to_the_client(client: FlaskClient, upstream: FakeUpstream) -> None:
    upstream.stream(piece('{"text": "', name="theirs"), piece("x" * 2 * MEGABYTE), piece('"}'), finish="tool_calls")
    upstream.text("I will use less.")
    theirs = {"type": "function", "function": {"name": "theirs", "parameters": {}}}
    answer = client.post("/v1/chat/completions", json={**QUESTION, "tools": [theirs]}).get_json()
    assert answer["choices"][0]["message"]["content"] == "I will use less."


def test_long_arguments_reach_their_tool(client: FlaskClient, upstream: FakeUpstream) -> None:
    text = json.dumps({"text": "x" * (MEGABYTE - 20)})
    pieces = [piece(text[start : start + 500]) for start in range(0, len(text), 500)]
    upstream.stream(piece("", name="keep"), *pieces, finish="tool_calls")
    upstream.text("Kept.")
    assert ask(client)["message"]["content"] == "Kept."
    assert kept == [MEGABYTE - 20]


def test_a_thousand_calls_in_one_answer_end_the_run_and_none_is_made(
    client: FlaskClient, upstream: FakeUpstream
) -> None:
    upstream.stream(*[piece('{"text": "x"}', index, "keep") for index in range(1_000)], finish="tool_calls")
    choice = ask(client)
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"].endswith("reached its limit of 128 tool calls.")
    assert kept == []
