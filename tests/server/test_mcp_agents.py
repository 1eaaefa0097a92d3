"""Agents of both file formats call the tools of real MCP servers, through gunicorn, many at once."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from flask_agent_api.concurrency import spawn

from ..ports import free_port
from ..ports import listens
from ..support import Server
from ..waiting import wait_until

pytestmark = pytest.mark.slow

pytest.importorskip("mcp")

EVERYTHING = os.environ.get("MCP_SERVER_EVERYTHING") or shutil.which("mcp-server-everything")
TIME = {"type": "mcp", "command": sys.executable, "args": ["-m", "mcp_server_time"]}
AT_ONCE = 50


@pytest.fixture(scope="module")
def everything() -> Iterator[dict[str, str]]:
    """URLs of server-everything over streamable HTTP and SSE; empty where it is not installed."""
    if not EVERYTHING:
        yield {}
        return
    urls, processes = {}, []
    for transport, path in (("streamableHttp", "mcp"), ("sse", "sse")):
        port = free_port()
        processes.append(
            subprocess.Popen(
                [EVERYTHING, transport],
                env={**os.environ, "PORT": str(port)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        urls[transport] = f"http://127.0.0.1:{port}/{path}"
        wait_until(lambda port=port: listens(port))
    yield urls
    for process in processes:
        process.terminate()
        process.wait(10)


def team(everything: dict[str, str]) -> str:
    """A docker-agent team (JSON is YAML): an agent for each server and transport."""
    toolsets: dict[str, dict[str, object]] = {"root": TIME}
    if EVERYTHING:
        toolsets["stdio"] = {"type": "mcp", "command": EVERYTHING, "args": ["stdio"]}
        for name, transport in (("http", "streamableHttp"), ("sse", "sse")):
            kind = "streamable" if name == "http" else "sse"
            toolsets[name] = {"type": "mcp", "remote": {"url": everything[transport], "transport_type": kind}}
    agents = {
        name: {"model": "demo/demo", "description": name, "instruction": "Use your tools.", "toolsets": [toolset]}
        for name, toolset in toolsets.items()
    }
    return json.dumps({"agents": agents})


def tiny_agent(server: dict[str, object]) -> str:
    return json.dumps({"model": "demo", "provider": "demo", "servers": [server]})


@pytest.fixture(scope="module", params=[(), ("--preload",)], ids=["", "preload"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, everything: dict[str, str]
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("agents")
    tiny: dict[str, dict[str, object]] = {"clock": {**TIME, "type": "stdio"}}
    if EVERYTHING:
        tiny["tiny-stdio"] = {"type": "stdio", "command": EVERYTHING, "args": ["stdio"]}
        tiny["tiny-http"] = {"type": "http", "url": everything["streamableHttp"]}
        tiny["tiny-sse"] = {"type": "sse", "url": everything["sse"]}
    for name, config in tiny.items():
        (folder / name).mkdir()
        (folder / name / "agent.json").write_text(tiny_agent(config))
    env = {"FLASK_AGENT_API_AGENTS": ",".join(["team.yaml", *tiny])}
    options = ("-w", "2", *request.param)
    files = {"team.yaml": team(everything)}
    with Server(folder, files, *options, app="flask_agent_api.wsgi:app", env=env) as server:
        yield server


def ask(server: Server, model: str, question: str) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": question}]})
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    assert response.status == 200, answer
    return answer  # type: ignore[no-any-return]


def ask_at_once(server: Server, asked: list[tuple[str, str]]) -> list[str]:
    """The answers' texts, asked all at the same time; each agent must have run a tool without an error."""
    texts: dict[int, str] = {}

    def work(at: int, model: str, question: str) -> None:
        answer = ask(server, model, question)
        assert [event["status"] for event in answer["agent_events"]] == ["running", "completed"], answer  # type: ignore[attr-defined]
        texts[at] = answer["choices"][0]["message"]["content"]  # type: ignore[index]

    tasks = [spawn(work, at, model, question) for at, (model, question) in enumerate(asked)]
    assert all(task.join(60) for task in tasks)
    assert len(texts) == len(asked), server.log
    return [texts[at] for at in range(len(asked))]


@pytest.mark.parametrize("model", ["team", "clock"])
def test_time_server_answers_fifty_at_once(server: Server, model: str) -> None:
    for text in ask_at_once(server, [(model, "What time is it in Tokyo?")] * AT_ONCE):
        assert "Asia/Tokyo" in text


@pytest.mark.skipif(not EVERYTHING, reason="server-everything is not installed (npm)")
@pytest.mark.parametrize("model", ["team/stdio", "team/http", "team/sse", "tiny-stdio", "tiny-http", "tiny-sse"])
def test_everything_server_answers_fifty_at_once(server: Server, model: str) -> None:
    tokens = [secrets.token_hex(8) for _ in range(AT_ONCE)]
    answers = ask_at_once(server, [(model, f'use echo with message "{token}"') for token in tokens])
    for token, text in zip(tokens, answers, strict=True):
        assert f"Echo: {token}" in text
