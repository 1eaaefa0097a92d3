"""Whatever a model, a tool or a client writes, no answer of ours is a page that a browser would show."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_agent_api import AgentAPI
from flask_agent_api import ModelAgent
from flask_agent_api.settings import TOOL_ACTIVITY
from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from tests.support import QUESTION

PAGE = "<!doctype html><html><script>alert(1)</script></html>"
BROWSER = {"Accept": "text/html,*/*;q=0.1"}


def page(text: str) -> str:
    """Gives back what it was given."""
    return text


def host(**config: Any) -> Flask:
    app = Flask("host")
    app.config.update(AGENT_API_ACTIVITY_PREVIEW=1000, **config)
    app.register_error_handler(Exception, lambda exc: PAGE)  # an app with pages of its own
    model = ScriptedModel([PAGE, tool_call("page", text=PAGE)], [PAGE])
    toolset = FunctionToolset("pages", [FunctionTool(page)])
    AgentAPI(app, agents=[ModelAgent("root", model, description=PAGE, toolsets=(toolset,))])
    return app


def is_data(response: Any) -> bool:
    """Whether every browser takes it for data, even one that likes to guess."""
    if response.mimetype == "text/event-stream":  # which none takes for anything else
        return True
    return response.mimetype == "application/json" and response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("mode", TOOL_ACTIVITY)
def test_what_a_model_writes_is_data(mode: str, stream: bool) -> None:
    client = host(AGENT_API_TOOL_ACTIVITY=mode).test_client()
    response = client.post("/v1/chat/completions", json={**QUESTION, "stream": stream}, headers=BROWSER)
    assert response.status_code == 200
    assert is_data(response)
    text = collect_sse(response.get_data()).text if stream else response.get_json()["choices"][0]["message"]["content"]
    assert PAGE in text


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("GET", "/v1/models", {}),
        ("GET", "/v1/models/root", {}),
        ("GET", f"/v1/models/{PAGE}", {}),
        ("GET", f"/v1/{PAGE}", {}),
        ("DELETE", "/v1/models", {}),
        ("GET", "/v1/openapi.json", {}),
        ("POST", "/v1/chat/completions", {"data": PAGE, "content_type": "text/html"}),
        ("POST", "/v1/chat/completions", {"data": PAGE, "content_type": "application/json"}),
        ("POST", "/v1/chat/completions", {"json": {"messages": PAGE}}),
        ("POST", "/v1/chat/completions", {"json": {**QUESTION, "tool_activity": PAGE}}),
        ("POST", "/v1/chat/completions", {"json": {**QUESTION, "model": PAGE}}),
        ("POST", "/v1/chat/completions", {"json": {**QUESTION, PAGE: PAGE, "n": PAGE}}),
    ],
)
def test_so_is_every_other_answer(method: str, path: str, options: dict[str, Any]) -> None:
    client = host(AGENT_API_UNKNOWN_MODEL="error").test_client()
    response = client.open(path, method=method, headers=BROWSER, **options)
    assert is_data(response)
    assert response.get_json()


def test_so_is_a_failure_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError(PAGE)

    monkeypatch.setattr("flask_agent_api.web.blueprint.model_object", fails)
    response = host().test_client().get("/v1/models", headers=BROWSER)
    assert response.status_code == 500
    assert is_data(response)
    assert "script" not in response.text
