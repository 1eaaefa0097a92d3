"""What clients may try with paths, headers and fields: no way around the door, and nothing that reaches the model."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from flask_agent_api import create_app
from flask_agent_api.testing import FakeUpstream
from tests.support import QUESTION

KEY = "key-0123456789abcdef"
BEARER = {"Authorization": f"Bearer {KEY}"}
CHAT = "/v1/chat/completions"


def client() -> FlaskClient:
    return create_app({"AGENT_API_AGENTS": [lambda messages: "x"], "AGENT_API_KEYS": KEY}).test_client()


@pytest.mark.parametrize(
    "path",
    ["/v1/models/", "/v1/./models", "/v1/%2e/models", "/v1/%2e%2e/v1/models", "/v1/models%00", "/v1/models;x",
     "/v1/MODELS", "/v1/models/../models", "/v1/models/%2e%2e/%2e%2e/etc", "/v1/x\\models", "/v1/",
     "/v1/runs/../models"],
)  # fmt: skip
def test_odd_paths_have_the_same_door_and_the_same_errors(path: str) -> None:
    asks = client()  # it keeps the app, which Flask 2.2's responses refer to only weakly
    refused, known = asks.get(path), asks.get(path, headers=BEARER)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (401, "invalid_api_key")
    assert known.status_code == 404
    assert set(known.get_json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("value", ["a,b", "x" * 8192, "\xe9", "a b", "<script>", "../x", "a\tb"])
@pytest.mark.parametrize("header", ["X-Conversation-Id", "X-Request-Id"])
def test_odd_ids_are_nowhere_to_be_seen(header: str, value: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "flask_agent_api")
    asks = client()
    response = asks.post(CHAT, json=QUESTION, headers={**BEARER, header: value})
    assert response.status_code == (400 if header == "X-Conversation-Id" else 200)
    assert value not in f"{response.headers}{response.get_data(as_text=True)}{caplog.text}"


def test_fields_that_would_steer_the_server_do_nothing(tmp_path: Path) -> None:
    evil = "http://evil.example/v1"
    fields = {
        "api_base": evil, "base_url": evil, "api_key": "sk-evil-0123456789", "extra_headers": {"X-Evil": "1"},
        "extra_body": {"evil": 1}, "extra_query": {"evil": 1}, "chat_template": "{{ evil }}", "command": "evil",
        "chat_template_kwargs": {"evil": 1}, "mcp_servers": [{"command": "evil"}], "model": evil,
        "tools": [{"type": "function", "function": {"name": "f"}, "command": "evil"}],
    }  # fmt: skip
    team = tmp_path / "team.yaml"
    team.write_text("agents:\n  root:\n    model: openai/m\n    instruction: Help.\n")
    with FakeUpstream() as upstream:
        upstream.text("Hi.")
        gateway = {"AGENT_API_GATEWAY": upstream.url, "AGENT_API_GATEWAY_KEY": "the-gateways-key"}
        app = create_app({"AGENT_API_AGENTS": [str(team)], **gateway})
        response = app.test_client().post(CHAT, json={**QUESTION, **fields})
        assert response.status_code == 200, response.get_data()
        [sent] = upstream.requests
    assert sent.headers["authorization"] == "Bearer the-gateways-key"
    assert "evil" not in json.dumps([sent.path, dict(sent.headers), sent.body])
