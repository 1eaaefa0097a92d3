"""An app whose conversations are kept, to talk with and to look into."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from flask_agent_api import AgentAPI
from flask_agent_api import ModelAgent
from flask_agent_api.conversations.memory import MemoryStore
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Message

KEYS = {"alice": "alice-0123456789abcdef", "bob": "bob-0123456789abcdef"}


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def says(text: str) -> Message:
    return {"role": "assistant", "content": text}


def look(what: str) -> str:
    """Looks something up."""
    return f"found {what}"


class Host:
    """An app with an agent that has a tool, another one that shares its model, and one in Python."""

    def __init__(self, *replies: Any, **config: Any) -> None:
        self.model = ScriptedModel(*replies)
        app = Flask("host")
        app.config.update({"AGENT_API_STORE": "memory://", "AGENT_API_KEYS": list(KEYS.values())})
        app.config.update({f"AGENT_API_{name.upper()}": value for name, value in config.items()})
        tools = (FunctionToolset("own", [FunctionTool(look)]),)
        agents = [ModelAgent(name, self.model, toolsets=tools) for name in ("root", "other")]
        self.api = AgentAPI(app, agents=agents)
        self.client = app.test_client()
        self.service = app.extensions["agent_api"]["agent_api"]

    @property
    def store(self) -> MemoryStore:
        return self.service.store

    def ask(
        self, *messages: Message | str, id: str = "c1", key: str = "alice", headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> TestResponse:  # fmt: skip
        body = {"messages": [user(each) if isinstance(each, str) else each for each in messages], **fields}
        named = {"X-Conversation-Id": id} if id else {}
        sent = {"Authorization": f"Bearer {KEYS[key]}", **named, **(headers or {})}
        return self.client.post("/v1/chat/completions", json=body, headers=sent)

    def answer(self, *messages: Message | str, **fields: Any) -> str:
        response = self.ask(*messages, **fields)
        assert response.status_code == 200, response.text
        assert response.json is not None
        return str(response.json["choices"][0]["message"]["content"])

    def read(self, number: int = -1) -> list[Message]:
        """What the model got to read, without the agent's own instructions."""
        return [message for message in self.model.requests[number].messages if message["role"] != "system"]


def found(what: str, number: int) -> list[Message]:
    """The call of the tool and its result, as the model reads it."""
    call = {
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": "look", "arguments": f'{{"what": "{what}"}}'},
    }
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"call_{number}", "content": f"found {what}"},
    ]


def look_up(what: str, number: int) -> Any:
    return [ToolCallDelta(0, f"call_{number}", "look", f'{{"what": "{what}"}}')]
