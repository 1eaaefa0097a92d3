"""A tiny-agents folder as its author left it, served as it is: its endpoint, its MCP server, its prompt, its exits."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import Stream

from ..support import Server

pytestmark = pytest.mark.slow

pytest.importorskip("mcp")

FAKE_SERVER = Path(__file__).parent.parent / "data" / "mcp_fake_server.py"


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("agents")
    config = {
        "model": "some/model",
        "endpointUrl": upstream.url.removesuffix("/v1"),
        "apiKey": "${input:model-key}",
        "inputs": [
            {"type": "promptString", "id": "model-key", "description": "Key", "password": True},
            {"type": "promptString", "id": "mcp-token", "description": "Token", "password": True},
        ],
        "servers": [
            {
                "type": "stdio",
                "config": {"command": sys.executable, "args": [str(FAKE_SERVER)], "env": {"T": "${input:mcp-token}"}},
                "allowed_tools": ["environment"],
            }
        ],
    }
    (folder / "web-browsing").mkdir()
    (folder / "web-browsing" / "agent.json").write_text(json.dumps(config))
    (folder / "web-browsing" / "PROMPT.md").write_text("You browse.")
    env = {"FLASK_AGENT_API_AGENTS": "web-browsing", "MODEL_KEY": "key-for-model", "MCP_TOKEN": "token-for-mcp"}
    with Server(folder, {}, app="flask_agent_api.wsgi:app", env=env) as server:
        yield server


def test_the_folder_answers_with_its_tools_and_ends_by_its_exit(server: Server, upstream: FakeUpstream) -> None:
    upstream.tool_call("environment", {})
    call = {"index": 0, "id": "call_2", "type": "function", "function": {"name": "task_complete", "arguments": "{}"}}
    upstream.stream("Found it.", {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}, finish="tool_calls")
    answer = ask(server)
    assert answer.text == "Found it."
    assert answer.finish_reason == "stop"
    first, second = upstream.requests[-2:]
    assert first.path == "/v1/chat/completions"
    assert first.headers["authorization"] == "Bearer key-for-model"
    assert [tool["function"]["name"] for tool in first.json["tools"]] == [
        "task_complete",
        "ask_question",
        "environment",
    ]
    assert first.json["messages"][0] == {"role": "system", "content": "You browse."}
    environment = second.json["messages"][-1]["content"]
    assert "token-for-mcp" in environment
    assert "key-for-model" not in environment


def ask(server: Server) -> Stream:
    import urllib.request

    body = json.dumps({"messages": [{"role": "user", "content": "go"}], "stream": True}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/v1/chat/completions", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return collect_sse(response.read())
