"""Secrets of every kind in one server, and every failure that could tell one: none gets out."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.testing import FakeUpstream
from tests.redis_server import RedisServer
from tests.support import QUESTION
from tests.support import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

CANARIES = {
    name: f"canary-{name}-7f3a9c51"
    for name in (
        "client", "model", "model-header", "model-query", "mcp-token", "mcp-literal", "mcp-query", "mcp-env", "redis",
        "webhook", "shell-env", "gateway",
    )
}  # fmt: skip
APP = """
import logging
import os

logging.basicConfig(level=logging.DEBUG)

from flask_agent_api import create_app


def telltale(messages):
    raise RuntimeError(f"the key is {os.environ['OPENAI_API_KEY']}, of {os.environ['MCP_TOKEN']}")


app = create_app({"AGENT_API_AGENTS": ["team.yaml", telltale], "AGENT_API_ALLOW": "*"})
"""
OWN = """
import os

from flask_agent_api import tool


@tool
def leak() -> str:
    "Fails, and says why."
    raise RuntimeError("the key is " + os.environ["OPENAI_API_KEY"])
"""
TEAM = """
models:
  model:
    provider: openai
    model: m
    base_url: {upstream}?api-key={model-query}
    headers: {{X-Gateway-Key: "{model-header}"}}
agents:
  root:
    model: model
    instruction: Help.
    toolsets:
      - type: python
        tools: ["own:leak"]
      - type: shell
        env: {{DEPLOY_TOKEN: "{shell-env}"}}
      - type: webhook
        webhook_config: {{provider: slack, url: "http://127.0.0.1:9/services/${{env.WEBHOOK_TOKEN}}"}}
  remote:
    model: model
    instruction: Help.
    toolsets:
      - type: mcp
        remote:
          url: {mcp}?token=${{env.MCP_QUERY_TOKEN}}
          headers: {{Authorization: "Bearer ${{env.MCP_TOKEN}}", X-Literal: "{mcp-literal}"}}
  program:
    model: model
    instruction: Help.
    toolsets:
      - type: mcp
        command: {python}
        args: ["-c", "import os, sys; sys.exit('no login with ' + os.environ['API_TOKEN'])"]
        env: {{API_TOKEN: "$MCP_ENV_TOKEN"}}
"""


@pytest.fixture(scope="module")
def mcp() -> Iterator[FakeUpstream]:
    """A remote MCP server that refuses each request and repeats its headers."""
    with FakeUpstream() as server:
        for _ in range(20):
            server.error(401, f"no access with Bearer {CANARIES['mcp-token']} and {CANARIES['mcp-literal']}")
        yield server


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream, mcp: FakeUpstream
) -> Iterator[tuple[Server, RedisServer]]:
    folder = tmp_path_factory.mktemp("canaries")
    redis = RedisServer(folder, password=CANARIES["redis"])
    team = TEAM.format(upstream=upstream.url, mcp=mcp.url, python=sys.executable, **CANARIES)
    env = {
        "FLASK_AGENT_API_KEYS": CANARIES["client"],
        "FLASK_AGENT_API_STORE": redis.url,
        "FLASK_AGENT_API_MODEL_RETRIES": "0",
        "FLASK_AGENT_API_ACTIVITY_PREVIEW": "10000",
        "OPENAI_API_KEY": CANARIES["model"],
        "MCP_TOKEN": CANARIES["mcp-token"],
        "MCP_QUERY_TOKEN": CANARIES["mcp-query"],
        "MCP_ENV_TOKEN": CANARIES["mcp-env"],
        "WEBHOOK_TOKEN": CANARIES["webhook"],
    }
    files = {"app.py": APP, "own.py": OWN, "team.yaml": team}
    with Server(folder, files, "--access-logfile", "-", env=env) as running:
        yield running, redis
    redis.stop()


def ask(server: Server, agent: str, stream: bool = False, path: str = "/chat/completions", **headers: str) -> str:
    """The whole answer, headers included."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    body = None if path != "/chat/completions" else json.dumps({**QUESTION, "model": agent, "stream": stream})
    sent = {"Authorization": f"Bearer {CANARIES['client']}", "Content-Type": "application/json", **headers}
    connection.request("POST" if body else "GET", f"/v1{path}", body, sent)
    response = connection.getresponse()
    text = f"{response.status}\n{response.headers}\n{response.read().decode()}"
    connection.close()
    return text


def assert_none_told(text: str, *but: str) -> None:
    assert [name for name, canary in CANARIES.items() if canary in text and name not in but] == [], text


@pytest.mark.parametrize("stream", [False, True])
def test_no_failure_tells_a_secret(server: tuple[Server, RedisServer], upstream: FakeUpstream, stream: bool) -> None:
    running, _ = server
    key, header = CANARIES["model"], CANARIES["model-header"]
    answers = []
    for status in (400, 401, 403, 404, 422, 429, 500):
        upstream.error(status, f"Incorrect API key provided: {key}, with {header}")
        answers.append(ask(running, "root", stream))
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 60\r\n\r\n"
    upstream.reply((head + key.ljust(60)).encode())
    answers.append(ask(running, "root", stream))
    for tool, arguments in (
        ("leak", {}),
        ("shell", {"cmd": "exit 3"}),
        ("send_webhook", {"message": "hello"}),
    ):
        upstream.tool_call(tool, arguments)
        upstream.text("Done.")
        answers.append(ask(running, "root", stream))
    upstream.text("Without tools.")
    answers.append(ask(running, "team/remote", stream))
    upstream.text("Without tools.")
    answers.append(ask(running, "team/program", stream))
    answers.append(ask(running, "telltale", stream))
    answers.append(ask(running, "root", stream, Authorization=f"Bearer {CANARIES['client']}x"))
    answers.append(ask(running, "root", path=f"/models?key={CANARIES['client'][:-1]}"))
    answers += [ask(running, "root", path=path) for path in ("/models", "/openapi.json", "/nope", "/conversations")]
    for answer in answers:
        assert_none_told(answer)
    assert_none_told(running.log)
    assert "***" in running.log, "nothing was struck out: did the failures come?"


def test_a_store_that_refuses_tells_no_password(server: tuple[Server, RedisServer], upstream: FakeUpstream) -> None:
    running, redis = server
    redis.ask("CONFIG", "SET", "requirepass", "another-password")
    try:
        with_id = {"X-Conversation-Id": "c1"}
        refused = ask(running, "root", **with_id)
        redis.ask("CLIENT", "KILL", "TYPE", "normal") if "200" in refused[:3] else None
        upstream.text("Hi.")
        answer = ask(running, "root", **with_id)
    finally:
        redis.stop()
    upstream.text("Hi.")
    gone = ask(running, "root", **with_id)
    assert "store" in gone or gone.startswith("503")
    assert_none_told(refused + answer + gone)
    wait_until(lambda: "conversations" in running.log)
    assert_none_told(running.log)


@pytest.mark.parametrize("wrong", ["", "  timeout: {x: 1}\n", "agents: [\n", "    nonsense: 1\n"])
def test_check_tells_no_secret(server: tuple[Server, RedisServer], tmp_path: Path, wrong: str) -> None:
    running, _ = server
    team = (running.folder / "team.yaml").read_text()
    (tmp_path / "team.yaml").write_text(team.replace("X-Literal:", f"X-Literal-{wrong.strip()}:") if wrong else team)
    (tmp_path / "own.py").write_text(OWN)
    env = {
        "MCP_TOKEN": CANARIES["mcp-token"],
        "MCP_QUERY_TOKEN": CANARIES["mcp-query"],
        "MCP_ENV_TOKEN": CANARIES["mcp-env"],
        "WEBHOOK_TOKEN": CANARIES["webhook"],
        "OPENAI_API_KEY": CANARIES["model"],
        "FLASK_AGENT_API_KEYS": CANARIES["client"],
        "FLASK_AGENT_API_GATEWAY_KEY": CANARIES["gateway"],
        "FLASK_AGENT_API_STORE": f"nosuch://:{CANARIES['redis']}@127.0.0.1/0" if wrong else "memory://",
    }
    command: list[Any] = [sys.executable, "-m", "flask_agent_api", "check", "team.yaml"]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": "/usr/bin:/bin", **env}, capture_output=True, text=True)
    assert_none_told(done.stdout + done.stderr)
