"""Hooks and grants on real servers: what the operator allows runs, and goes when the client goes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from flask_agent_api.testing import FakeUpstream

from ..processes import command_line
from ..processes import runs_from
from ..support import RawClient
from ..support import Server
from ..waiting import wait_until

pytestmark = pytest.mark.slow

BEFORE = """
cat > seen.json
if grep -q slow seen.json; then echo $$ > pid; sleep 60; fi
if grep -q forbidden seen.json; then echo not that one >&2; exit 2; fi
"""
TOOLS = """
def note(text: str) -> str:
    "Keeps a note."
    return f"noted {text}"
"""


@pytest.fixture(scope="module", params=["gevent", "gthread"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream
) -> Iterator[Server]:
    hooks = {
        "pre_tool_use": [{"matcher": "note", "hooks": [{"type": "command", "command": BEFORE}]}],
        "session_end": [{"type": "command", "command": "touch ended"}],
    }
    root = {"model": "own", "hooks": hooks, "toolsets": [{"type": "python", "tools": ["notes:note"]}]}
    models = {"own": {"provider": "openai", "model": "m", "base_url": upstream.url}}
    files = {"team.yaml": json.dumps({"agents": {"root": root}, "models": models}), "notes.py": TOOLS}
    env = {
        "FLASK_AGENT_API_AGENTS": "team.yaml",
        "FLASK_AGENT_API_ALLOW": "hooks",
        "OPENAI_API_KEY": "sk-0123456789",
    }
    folder = tmp_path_factory.mktemp("hooks")
    with Server(folder, files, kind=request.param, app="flask_agent_api.wsgi:app", env=env) as server:
        yield server


def result(server: Server, upstream: FakeUpstream, text: str) -> str:
    upstream.reset()
    upstream.tool_call("note", {"text": text})
    upstream.text("done")
    with RawClient(server.port, 30) as client:
        client.post()
        response = client.response()
        answer = response.read().decode()
    assert response.status == 200, answer
    return str(upstream.requests[-1].json["messages"][-1]["content"])


def test_a_hook_looks_at_a_call(server: Server, upstream: FakeUpstream) -> None:
    assert result(server, upstream, "milk") == "noted milk"
    assert json.loads((server.folder / "seen.json").read_text())["tool_input"] == {"text": "milk"}
    assert (server.folder / "ended").exists()


def test_a_hook_blocks_a_call(server: Server, upstream: FakeUpstream) -> None:
    assert result(server, upstream, "forbidden") == "Error: A hook blocked the call of note: not that one"


def test_a_client_that_leaves_takes_the_hook_with_it(server: Server, upstream: FakeUpstream) -> None:
    if "gthread" in command_line(server.pid):
        pytest.skip("threads do not notice that a client leaves")
    upstream.reset()
    upstream.tool_call("note", {"text": "slow"})
    pid = server.folder / "pid"
    with RawClient(server.port, 30) as client:
        client.post(stream=True)
        wait_until(lambda: pid.exists() and pid.read_text().endswith("\n"))
    wait_until(lambda: not runs_from(pid))
