"""What agents keep, on a real server of two workers: in the app's instance folder, for each key apart."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flask_agent_api.testing import FakeUpstream

from ..support import Server

pytestmark = pytest.mark.slow

APP = """
from flask import Flask
from flask_agent_api import AgentAPI
app = Flask(__name__)
AgentAPI(app)
"""
ANN, BOB = "the-key-of-ann-0123", "the-key-of-bob-0123"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    root = {"model": "own", "toolsets": [{"type": "memory"}]}
    models = {"own": {"provider": "openai", "model": "m", "base_url": upstream.url}}
    files = {"app.py": APP, "team.yaml": json.dumps({"agents": {"root": root}, "models": models})}
    env = {
        "FLASK_AGENT_API_AGENTS": "team.yaml",
        "FLASK_AGENT_API_ALLOW": "memory",
        "FLASK_AGENT_API_KEYS": f"{ANN},{BOB}",
        "OPENAI_API_KEY": "sk-0123456789",
    }
    with Server(tmp_path_factory.mktemp("keeping"), files, "-w", "2", env=env) as server:
        yield server


def ask(server: Server, key: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{server.url}/chat/completions",
        json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Connection": "close"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)  # type: ignore[no-any-return]


def result(server: Server, upstream: FakeUpstream, key: str, name: str, **arguments: Any) -> str:
    upstream.reset()
    upstream.tool_call(name, arguments)
    upstream.text("done")
    ask(server, key)
    return str(upstream.requests[-1].json["messages"][-1]["content"])


def test_a_key_finds_its_own_notes_again_and_no_others(server: Server, upstream: FakeUpstream) -> None:
    assert result(server, upstream, ANN, "add_memory", memory="likes tea").startswith("Memory added successfully")
    for _ in range(4):  # whichever worker answers
        assert "likes tea" in result(server, upstream, ANN, "search_memories", query="TEA")
        assert result(server, upstream, BOB, "get_memories") == "[]"
    assert (server.folder / "instance/agent_api/memory/team/memory.db").exists()


def test_many_at_once_lose_no_note(server: Server, upstream: FakeUpstream) -> None:
    upstream.reset()
    for number in range(20):  # whichever run gets it
        upstream.tool_call("add_memory", {"memory": f"{number} of many"}, id=f"call_{number}")
    for _ in range(20):
        upstream.text("done")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: ask(server, ANN), range(20)))
    assert all(answer["choices"][0]["finish_reason"] == "stop" for answer in answers)
    found = json.loads(result(server, upstream, ANN, "search_memories", query="many"))
    assert sorted(note["memory"] for note in found) == sorted(f"{number} of many" for number in range(20))
