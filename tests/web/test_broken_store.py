"""Requests while the file of conversations cannot be used."""

from __future__ import annotations

import logging

import pytest

from flask_agent_api import create_app

QUESTION = {"messages": [{"role": "user", "content": "hello"}]}


def test_only_requests_that_name_a_conversation_need_the_store(caplog: pytest.LogCaptureFixture) -> None:
    client = create_app(
        {"AGENT_API_STORE": "sqlite:////proc/nowhere/kept.sqlite3", "AGENT_API_AGENTS": ""}
    ).test_client()
    for _ in range(3):
        response = client.post("/v1/chat/completions", json=QUESTION, headers={"X-Conversation-Id": "c1"})
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert response.json is not None
        assert response.json["error"]["code"] == "store_unavailable"
        assert "nowhere" not in response.text
    assert client.post("/v1/chat/completions", json=QUESTION).status_code == 200
    causes = [record.message for record in caplog.records if record.levelno >= logging.ERROR]
    assert len([cause for cause in causes if "/proc/nowhere/kept.sqlite3" in cause]) == 1
