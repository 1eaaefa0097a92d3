"""Conversations in the default store, on a real server of two workers, one of which is killed at times."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.testing import FakeUpstream

from ..processes import children
from ..support import Server
from ..waiting import wait_until

pytestmark = pytest.mark.slow

APP = """
from flask import Flask
from flask_agent_api import AgentAPI
app = Flask(__name__)
AgentAPI(app)
"""


def serve(folder: Path, upstream: FakeUpstream) -> Server:
    models = {"own": {"provider": "openai", "model": "m", "base_url": upstream.url}}
    files = {"app.py": APP, "team.yaml": json.dumps({"agents": {"root": {"model": "own"}}, "models": models})}
    env = {"FLASK_AGENT_API_AGENTS": "team.yaml", "OPENAI_API_KEY": "sk-0123456789"}
    return Server(folder, files, "-w", "2", env=env)


def ask(server: Server, upstream: FakeUpstream, text: str, conversation: str = "c1") -> list[str]:
    """What the model got to read."""
    upstream.text(f"{text}!")
    request = urllib.request.Request(
        f"{server.url}/chat/completions",
        json.dumps({"messages": [{"role": "user", "content": text}]}).encode(),
        {"Content-Type": "application/json", "Connection": "close", "X-Conversation-Id": conversation},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    assert answer["choices"][0]["message"]["content"] == f"{text}!"
    return [message["content"] for message in upstream.requests[-1].json["messages"]]


def test_a_conversation_goes_on_in_any_worker_after_kills_and_restarts(tmp_path: Path, upstream: FakeUpstream) -> None:
    history: list[str] = []

    def turn(server: Server) -> None:
        text = f"question {len(history)}"
        assert ask(server, upstream, text) == [*history, text]
        history.extend([text, f"{text}!"])

    with serve(tmp_path, upstream) as server:
        for _ in range(10):  # each on a connection of its own
            turn(server)
        killed = set(children(server.pid))
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(set(children(server.pid)) - killed) == 2)
        turn(server)
        assert ask(server, upstream, "hello", "another") == ["hello"]
    with serve(tmp_path, upstream) as server:
        turn(server)
    assert (tmp_path / "instance/agent_api/conversations.sqlite3").stat().st_mode & 0o777 == 0o600
