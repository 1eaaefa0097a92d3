"""The toolset ``session_context``: agents look into their callers' other conversations, and into nobody else's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from flask_agent_api import AgentAPI
from flask_agent_api import ModelAgent
from flask_agent_api.context import PastConversation
from flask_agent_api.context import RunContext
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.base import StoreUnavailable
from flask_agent_api.conversations.past import CallersConversations
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.session_context import MAX_CHARS
from flask_agent_api.tools.session_context import SessionContextToolset
from flask_agent_api.tools.think import ThinkToolset

KEYS = {"alice": "alice-0123456789abcdef", "bob": "bob-0123456789abcdef"}


class Model(ScriptedModel):
    """Its replies come bit by bit."""

    def add(self, *replies: Any) -> None:
        self._replies += replies


class Host:
    """An app with two agents that look into conversations, and share a model."""

    def __init__(self, *, allow: str = "memory") -> None:
        self.model = Model()
        app = Flask("host")
        app.config.update({"AGENT_API_STORE": "memory://", "AGENT_API_KEYS": list(KEYS.values())})
        app.config["AGENT_API_ALLOW"] = allow
        toolsets = (SessionContextToolset(), ThinkToolset())
        AgentAPI(app, agents=[ModelAgent(name, self.model, toolsets=toolsets) for name in ("root", "other")])
        self.client = app.test_client()

    def say(self, text: str, *replies: Any, id: str = "", key: str = "alice", agent: str = "root") -> list[str]:
        """Has an agent answer; returns the results of the tools that it has called."""
        self.model.add(*replies)
        headers = {"Authorization": f"Bearer {KEYS[key]}", **({"X-Conversation-Id": id} if id else {})}
        body = {"model": agent, "messages": [{"role": "user", "content": text}]}
        answer = self.client.post("/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return [message["content"] for message in self.model.requests[-1].messages if message["role"] == "tool"]


def listed(host: Host, **options: Any) -> list[dict[str, Any]]:
    found = json.loads(host.say("hm", [tool_call("list_sessions")], "ok", **options)[-1])
    assert isinstance(found, list)
    return found


def test_other_conversations_are_listed_and_read() -> None:
    host = Host()
    host.say("My cat\n is called Tom", [tool_call("think", thought="a cat")], "Noted.", id="cats")
    host.say("My dog is called Rex", "Fine.", id="dogs")
    found = listed(host)
    assert [(each["id"], each["title"], each["num_messages"]) for each in found] == [
        ("dogs", "My dog is called Rex", 2),
        ("cats", "My cat is called Tom", 4),
    ]
    assert found[0]["created_at"].endswith("Z")
    for asked in ("cats", "-2", -2):
        (result,) = host.say("read", [tool_call("read_session", session_id=asked)], "ok")
        assert result.startswith("# Session cats — My cat is called Tom\nCreated: ")
        assert "## user\nMy cat\n is called Tom\n\n## assistant\n→ called tool `think` with {" in result
        assert "## tool result\n" in result
        assert result.endswith("## assistant\nNoted.")


def test_nobody_sees_those_of_others_nor_the_one_at_hand() -> None:
    host = Host()
    host.say("secret", "ok", id="mine")
    assert listed(host, key="bob") == []
    assert listed(host, agent="other") == []
    assert listed(host, id="mine") == []
    assert [each["id"] for each in listed(host)] == ["mine"]
    for options in ({"key": "bob"}, {"agent": "other"}, {"id": "mine"}):
        results = host.say("read", [tool_call("read_session", session_id="mine")], "ok", **options)
        assert "session 'mine' not found" in results[-1]


def test_nothing_is_shown_until_the_operator_allows_it() -> None:
    host = Host(allow="")
    host.say("secret", "ok", id="mine")
    for call in (tool_call("list_sessions"), tool_call("read_session", session_id="mine")):
        (result,) = host.say("look", [call], "ok")
        assert "AGENT_API_ALLOW=memory" in result
        assert "secret" not in result


class Kept:
    """One conversation of many messages."""

    def __init__(self, *texts: str) -> None:
        messages = [{"role": "user", "content": text} for text in texts]
        self.past = PastConversation("long", 0.0, messages, len(messages))

    def list(self, limit: int) -> list[PastConversation]:
        return [self.past][:limit]

    def read(self, id: str) -> PastConversation | None:
        return self.past if id == "long" else None


def read(kept: Any, **arguments: Any) -> str:
    ctx = RunContext(Settings(), conversations=kept)
    tool = SessionContextToolset().tools(ctx)[1]
    return str(tool.call(arguments, ctx))


def test_of_a_long_conversation_the_latest_messages_are_read() -> None:
    result = read(Kept(*(f"{number} " + "x" * 1000 for number in range(100))), session_id="long")
    assert len(result) <= MAX_CHARS
    assert "earlier messages are left out here; these are the latest 2" in result
    assert "\n99 xxx" in result
    assert "\n0 xxx" not in result
    assert len(read(Kept("x" * 100_000), session_id="-1")) < MAX_CHARS + 500


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "`session_id` must be a text"),
        ({"session_id": " "}, "must not be empty"),
        ({"session_id": "-2"}, "cannot resolve session '-2': there are 1"),
        ({"session_id": "-0"}, "session '-0' not found"),
        ({"session_id": "other"}, "session 'other' not found"),
    ],
)
def test_what_is_not_there_is_a_tool_error(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ToolError, match=problem):
        read(Kept("hi"), **arguments)


def test_without_the_store_the_model_is_told() -> None:
    def gone() -> Any:
        raise StoreUnavailable

    conversations = CallersConversations(gone, LogKey("conversation", "alice", "root", ""))
    for look in (lambda: conversations.list(1), lambda: conversations.read("x")):
        with pytest.raises(ToolError, match="cannot be reached at the moment"):
            look()
