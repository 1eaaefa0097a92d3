"""Headers of a request on their way to an MCP server: each caller's own, and no other's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.concurrency import spawn

from ..ports import free_port
from ..ports import listens
from ..support import RawClient
from ..support import Server
from ..waiting import wait_until

pytest.importorskip("mcp")
pytestmark = pytest.mark.slow

ADA, BO = "key-of-ada-0123456789", "key-of-bo-0123456789"
ECHO = Path(__file__).parent.parent / "data" / "mcp_header_server.py"


@pytest.fixture(scope="module")
def mcp_port() -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(ECHO), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: listens(port))
    yield port
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mcp_port: int) -> Iterator[Server]:
    headers = {
        "X-Token": "Bearer ${headers.X-User-Token}",
        "X-Tenant": "${env.ZONE}-${headers['X-Tenant'] || 'public'}",
        "X-Kept-Back": "${headers.X-Secret}",
        "X-Key": "${headers.Authorization}",
    }
    remote = {"type": "mcp", "remote": {"url": f"http://127.0.0.1:{mcp_port}/mcp", "headers": headers}}
    agents = {
        "root": {"model": "demo/demo", "toolsets": [remote]},
        "open": {"model": "demo/demo", "toolsets": [remote]},
    }
    env = {
        "FLASK_AGENT_API_AGENTS": "team.yaml",
        "FLASK_AGENT_API_KEYS": f"{ADA},{BO}",
        "FLASK_AGENT_API_FORWARD_HEADERS": "X-User-Token,x-tenant",
        "FLASK_AGENT_API_AGENT_OPTIONS": json.dumps({"open": {"forward_headers": "authorization"}}),
        "ZONE": "eu",
    }
    folder = tmp_path_factory.mktemp("headers")
    with Server(
        folder, {"team.yaml": json.dumps({"agents": agents})}, app="flask_agent_api.wsgi:app", env=env
    ) as server:
        yield server


def ask(server: Server, key: str, *headers: str, agent: str = "root", wait: float = 0) -> dict[str, Any]:
    """What the MCP server was sent, in a run of its own."""
    question = {"role": "user", "content": f"use whoami with wait {wait}"}
    body = json.dumps({"model": agent, "messages": [question]}).encode()
    with RawClient(server.port, 30) as client:
        client.send("POST", "/v1/chat/completions", f"Authorization: Bearer {key}", *headers, body=body)
        response = client.response()
        answer = json.loads(response.read())
    assert response.status == 200, answer
    text = answer["choices"][0]["message"]["content"]
    seen = text[text.index("{") : text.rindex("}") + 1]
    return json.loads(seen)  # type: ignore[no-any-return]


def test_headers_that_are_allowed_reach_the_server_and_no_others(server: Server) -> None:
    seen = ask(server, ADA, "X-User-Token: ada-1", "X-Tenant: Blue", "X-Secret: mine", "X-Other: mine")
    assert seen == {"x-token": "Bearer ada-1", "x-tenant": "eu-Blue"}


def test_a_header_that_a_request_lacks_is_left_out_unless_there_is_a_default(server: Server) -> None:
    assert ask(server, ADA) == {"x-tenant": "eu-public"}
    ask(server, ADA)
    assert server.log.count("the header X-Token is not sent where a request has no x-user-token") == 1


def test_an_agent_may_have_headers_of_its_own(server: Server) -> None:
    seen = ask(server, ADA, "X-User-Token: ada-1", agent="open")
    assert seen == {"x-key": f"Bearer {ADA}", "x-tenant": "eu-public"}


def test_callers_at_once_have_their_own_headers(server: Server) -> None:
    asked = [(key, f"{number % 4}") for number, key in enumerate([ADA, BO] * 8)]
    seen: dict[int, dict[str, Any]] = {}

    def work(number: int, key: str, token: str) -> None:
        seen[number] = ask(server, key, f"X-User-Token: {token}", wait=0.2)

    tasks = [spawn(work, number, *each) for number, each in enumerate(asked)]
    assert all(task.join(30) for task in tasks)
    assert [seen[number]["x-token"] for number in range(len(asked))] == [f"Bearer {token}" for _, token in asked]


def test_what_a_value_could_smuggle_in_goes_nowhere(server: Server) -> None:
    question = {"role": "user", "content": "use whoami with wait 0"}
    body = json.dumps({"model": "root", "messages": [question]}).encode()
    with RawClient(server.port, 30) as client:
        client.send("POST", "/v1/chat/completions", f"Authorization: Bearer {ADA}", "X-User-Token: a\tb\xe9", body=body)
        answer = json.loads(client.response().read())
    assert "Bearer a" not in json.dumps(answer)
    assert "x-user-token has characters that cannot be passed on" in server.log


def test_values_are_in_no_log(server: Server) -> None:
    ask(server, BO, "X-User-Token: very-secret-token")
    assert "very-secret-token" not in server.log
