"""What a provider puts into its tool calls goes back to it with them: Gemini refuses its own calls otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.models.config import ModelConfig
from flask_agent_api.models.openai_chat import OpenAIChatModel
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import ClientToolCalls
from flask_agent_api.types import Message
from flask_agent_api.types import RunRequest

SIGNED = {"google": {"thought_signature": "abc"}}
CLIENT_TOOL = {"type": "function", "function": {"name": "ask", "parameters": {"type": "object"}}}


class Turns:
    """Keeps the last turn."""

    def __init__(self) -> None:
        self.kept: tuple[Sequence[str], Sequence[Message]] = ((), ())

    def save(self, call_ids: Sequence[str], messages: Sequence[Message]) -> None:
        self.kept = (call_ids, messages)

    def find(self, call_ids: Sequence[str]) -> list[Message] | None:
        return list(self.kept[1]) if set(call_ids) & set(self.kept[0]) else None


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


def count() -> str:
    """Counts."""
    return "3"


def gemini(upstream: FakeUpstream) -> ModelAgent:
    model = OpenAIChatModel(ModelConfig(provider="google", model="gemini-3", base_url=upstream.url, api_key="key"))
    return ModelAgent("root", model, toolsets=(FunctionToolset("math", [FunctionTool(count)]),))


def signed_call(upstream: FakeUpstream, name: str) -> None:
    function = {"name": name, "arguments": "{}"}
    call = {"id": "c1", "type": "function", "function": function, "extra_content": SIGNED}
    upstream.stream({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}, finish="tool_calls")


def sent_calls(upstream: FakeUpstream) -> list[dict[str, Any]]:
    """The tool calls in the last request."""
    messages = upstream.requests[-1].json["messages"]
    return [call for message in messages for call in message.get("tool_calls") or ()]


def test_signatures_go_back_in_the_loop(upstream: FakeUpstream) -> None:
    signed_call(upstream, "count")
    upstream.text("3")
    list(gemini(upstream).run(RunRequest([{"role": "user", "content": "hi"}]), RunContext(Settings(), deadline=1e9)))
    assert [call["extra_content"] for call in sent_calls(upstream)] == [SIGNED]


def test_signatures_survive_the_clients_part_of_a_turn(upstream: FakeUpstream) -> None:
    turns, agent = Turns(), gemini(upstream)
    asked: list[Message] = [{"role": "user", "content": "hi"}]
    signed_call(upstream, "ask")
    context = RunContext(Settings(), deadline=1e9, turns=turns)
    events = [event for batch in agent.run(RunRequest(asked, tools=[CLIENT_TOOL]), context) for event in batch]
    (handed_out,) = (event for event in events if isinstance(event, ClientToolCalls))
    id = handed_out.calls[0].id
    call = {"id": id, "type": "function", "function": {"name": "ask", "arguments": "{}"}, "index": 0}
    back: list[Message] = [
        *asked,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": id, "content": "yes"},
    ]
    upstream.text("ok")
    list(agent.run(RunRequest(back, tools=[CLIENT_TOOL]), RunContext(Settings(), deadline=1e9, turns=turns)))
    assert [(each["extra_content"], "index" in each) for each in sent_calls(upstream)] == [(SIGNED, False)]
