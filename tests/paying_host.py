"""An app whose agents have effects, so that tests see how often they ran."""

from __future__ import annotations

import threading
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from flask_agent_api import AgentAPI
from flask_agent_api import ModelAgent
from flask_agent_api.conversations import answers
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.memory import MemoryStore
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.runtime.callable_agent import CallableAgent
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Message

KEYS = {"alice": "alice-0123456789abcdef", "bob": "bob-0123456789abcdef"}


class Host:
    """An app with an agent whose tool has an effect, and one in Python."""

    def __init__(self, *replies: Any, **config: Any) -> None:
        self.model = ScriptedModel(*replies)
        self.paid: list[str] = []
        self.calls = 0
        self.entered, self.goes_on = threading.Event(), threading.Event()
        app = Flask("host")
        app.config.update({"AGENT_API_STORE": "memory://", "AGENT_API_KEYS": list(KEYS.values())})
        app.config.update({f"AGENT_API_{name.upper()}": value for name, value in config.items()})
        declared = ModelAgent("root", self.model, toolsets=(FunctionToolset("own", [FunctionTool(self.pay)]),))
        AgentAPI(app, agents=[declared, CallableAgent(self.fail, "python"), CallableAgent(self.wait, "slow")])
        self.client = app.test_client()
        self.service = app.extensions["agent_api"]["agent_api"]

    def pay(self, what: str) -> str:
        """Pays for something."""
        self.paid.append(what)
        return "paid"

    def fail(self, messages: list[Message]) -> str:
        self.calls += 1
        raise ValueError("an internal matter")

    def wait(self, messages: list[Message]) -> str:
        self.calls += 1
        self.entered.set()
        self.goes_on.wait(5)
        return "at last"

    @property
    def store(self) -> MemoryStore:
        return self.service.store

    def ask(self, text: str = "pay", *, key: str | None = "k1", who: str = "alice", **fields: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {KEYS[who]}", **fields.pop("headers", {})}
        if key is not None:
            headers["Idempotency-Key"] = key
        body = {"messages": [{"role": "user", "content": text}], **fields}
        return self.client.post("/v1/chat/completions", json=body, headers=headers)

    def log(self, key: str = "k1") -> LogKey:
        [found] = [each.key for each in self.store.list(answers.KIND) if each.key.id == key]
        return found


def pays(what: str, number: int = 1) -> Any:
    return [ToolCallDelta(0, f"call_{number}", "pay", f'{{"what": "{what}"}}')]


def refusal(response: TestResponse) -> tuple[int, str, str | None]:
    assert response.json is not None
    return response.status_code, response.json["error"]["code"], response.headers.get("X-Should-Retry")


LOST = (409, "run_interrupted", "false")
