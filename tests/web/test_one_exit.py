"""Whichever layer fails: one shape of answer, which says nothing of the failure, and one place where it is told."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask

from flask_agent_api import AgentAPI
from flask_agent_api import ModelAgent
from flask_agent_api import Principal
from flask_agent_api import tool
from flask_agent_api.models.base import Finish
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.tools.function import FunctionToolset
from tests.support import QUESTION

SECRET = "canary of the failure"
CHAT = "/v1/chat/completions"
PACKAGE = "flask_agent_api"


@tool
def look() -> str:
    """Looks."""
    return "seen"


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError(SECRET)


def make_app(**settings: Any) -> Flask:
    app = Flask("host")
    app.config.update({f"AGENT_API_{name}": value for name, value in settings.items()})
    replies = [[ToolCallDelta(0, "c1", "look", "{}"), Finish("tool_calls")], ["Seen.", Finish("stop")]]
    agent = ModelAgent("root", ScriptedModel(*replies), toolsets=[FunctionToolset("own", [look])])
    AgentAPI(app, agents=[agent], authenticate=lambda request: Principal("ada"))
    return app


def assert_tells_nothing(response: Any, caplog: pytest.LogCaptureFixture) -> None:
    body = response.get_data()
    if response.mimetype == "text/event-stream":
        error = collect_sse(body).error
    else:
        assert response.status_code == 500, body
        error = response.get_json()["error"]
    assert error is not None
    assert (error["code"], error["type"], error["param"]) == ("internal_error", "server_error", None)
    assert error["message"] == "The server had an internal error."
    assert response.headers["X-Request-Id"] == "req-of-the-test"
    shown = body + repr(dict(response.headers)).encode()
    assert SECRET.encode() not in shown
    assert b"Traceback" not in shown
    told = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record for record in told if record.exc_info or record.exc_text], "the failure is not in the log"


BEFORE_A_RUN = [
    "web.blueprint.chat_completions",
    "web.chat.read_json_body",
    "web.chat.delivery",
    "web.chat.parse_request",
    "web.chat.split_model",
    "web.chat.agent_for_task",
    "web.chat.with_choice",
    "web.chat.client_tools",
    "web.chat.ignored_fields",
    "web.chat.conversation_id",
    "web.chat.Visit",
    "web.service.Service.turn",
    "web.auth.Door.principal",
    "runtime.in_flight.InFlight.enter",
    "runtime.in_flight.InFlight.require_open",
    "runtime.registry.AgentRegistry.pick",
    "runtime.run.Run.start",
]
IN_A_RUN = [
    "runtime.agent.ModelAgent.run",
    "testing.model.ScriptedModel.stream",
    "runtime.reply.ModelReply.take",
    "tools.function.FunctionToolset.tools",
]
WHEN_IT_IS_SHOWN = {
    False: ["web.chat.completion", "web.chat.json_response", "web.completion._Answer.take"],
    True: ["web.chat.EventStream", "web.chunks.ChunkWriter.role", "web.chunks.ChunkWriter.texts",
           "web.chunks.ChunkWriter.finish", "web.stream.EventStream._frames"],
}  # fmt: skip
CASES = [(where, stream) for stream in (False, True) for where in BEFORE_A_RUN + IN_A_RUN + WHEN_IT_IS_SHOWN[stream]]


@pytest.mark.parametrize(("where", "stream"), CASES)
def test_a_failure_of_any_layer_tells_nothing(
    where: str, stream: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_app().test_client()
    if where == "web.blueprint.chat_completions":  # the view, as Flask knows it
        client.application.view_functions["agent_api.chat_completions"] = broken
    else:
        monkeypatch.setattr(f"{PACKAGE}.{where}", broken)
    headers = {"X-Request-Id": "req-of-the-test"}
    response = client.post(CHAT, json={**QUESTION, "stream": stream}, headers=headers)
    assert_tells_nothing(response, caplog)


STORES = [
    ("POST", CHAT, "conversations.memory.MemoryStore.lease"),
    ("POST", CHAT, "conversations.memory.MemoryStore.write"),
    ("GET", "/v1/conversations", "conversations.memory.MemoryStore.list"),
    ("GET", "/v1/conversations/abc", "web.conversation_views.conversation_keys"),
    ("DELETE", "/v1/conversations/abc", "web.conversation_views.conversation_keys"),
    ("POST", "/v1/conversations/abc/cancel", "web.runs.conversation_keys"),
    ("POST", "/v1/runs/abc/cancel", "web.runs.is_key"),
    ("GET", "/v1/models", "web.blueprint.model_object"),
    ("GET", "/v1/models/root", "web.blueprint.split_model"),
    ("GET", "/v1/openapi.json", "web.blueprint.openapi_json"),
]


@pytest.mark.parametrize(("method", "path", "where"), STORES)
def test_a_failure_at_any_endpoint_tells_nothing(
    method: str, path: str, where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(f"{PACKAGE}.{where}", broken)
    headers = {"X-Request-Id": "req-of-the-test", "X-Conversation-Id": "abc"}
    body = QUESTION if path == CHAT else None
    response = make_app(STORE="memory://").test_client().open(path, method=method, json=body, headers=headers)
    assert_tells_nothing(response, caplog)


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_of_a_tool_is_told_to_the_model_in_a_word(
    stream: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(f"{PACKAGE}.tools.function.FunctionTool.call", broken)
    response = make_app(ACTIVITY_PREVIEW=1_000).test_client().post(CHAT, json={**QUESTION, "stream": stream})
    assert response.status_code == 200
    assert b"Seen." in response.get_data()
    assert SECRET.encode() not in response.get_data()
    assert any(record.exc_info for record in caplog.records)


def test_a_hook_of_the_host_that_fails_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    app = make_app()
    app.before_request(broken)
    response = app.test_client().get("/v1/models", headers={"X-Request-Id": "req-of-the-test"})
    assert_tells_nothing(response, caplog)
