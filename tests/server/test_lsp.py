"""A language server under gunicorn: started by the first call, gone with its worker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flask_agent_api.testing import FakeUpstream
from tests.support import RawClient
from tests.support import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

LANGUAGE_SERVER = Path(__file__).parent.parent / "data" / "lsp_fake_server.py"


def running(mark: str) -> bool:
    return subprocess.run(["pgrep", "-f", f"{LANGUAGE_SERVER.name} {mark}"], capture_output=True).returncode == 0


def test_a_language_server_ends_with_its_worker(tmp_path: Path, upstream: FakeUpstream) -> None:
    upstream.reset()
    (tmp_path / "a.py").write_text("x = 1\n")
    mark = tmp_path.name
    toolset = {"type": "lsp", "command": sys.executable, "args": [str(LANGUAGE_SERVER), mark]}
    agent = {"model": "openai/gpt-5", "instruction": "x", "toolsets": [toolset]}
    (tmp_path / "team.yaml").write_text(json.dumps({"agents": {"root": agent}}))
    env = {"FLASK_AGENT_API_AGENTS": str(tmp_path / "team.yaml"), "FLASK_AGENT_API_GATEWAY": upstream.url}
    upstream.tool_call("lsp_hover", {"file": "a.py", "line": 1, "character": 1})
    upstream.text("It is 1.")
    with Server(tmp_path, {}, app="flask_agent_api.wsgi:app", env=env) as server, RawClient(server.port) as client:
        assert not running(mark)
        client.post(model="root", messages=[{"role": "user", "content": "What is x?"}])
        assert "It is 1." in json.load(client.response())["choices"][0]["message"]["content"]
        assert "x = 1" in upstream.requests[1].json["messages"][-1]["content"]
        assert running(mark)
    wait_until(lambda: not running(mark))
