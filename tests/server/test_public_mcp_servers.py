"""Every read-only tool of well-known MCP servers is offered to agents of a file, and called, over each transport."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.every_tool.calls import Call
from tests.every_tool.model import Calls
from tests.every_tool.model import ThoroughModel
from tests.every_tool.public_mcp import EVERYTHING
from tests.every_tool.public_mcp import FILESYSTEM
from tests.every_tool.public_mcp import TIME
from tests.every_tool.web import Web
from tests.ports import free_port
from tests.ports import listens
from tests.support import Server
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.wire]

pytest.importorskip("mcp")

EVERYTHING_SERVER = os.environ.get("MCP_SERVER_EVERYTHING") or shutil.which("mcp-server-everything") or ""
FILESYSTEM_SERVER = os.environ.get("MCP_SERVER_FILESYSTEM") or shutil.which("mcp-server-filesystem") or ""
FETCH = {"command": sys.executable, "args": ["-m", "mcp_server_fetch", "--ignore-robots-txt"]}

needs_everything = pytest.mark.skipif(not EVERYTHING_SERVER, reason="MCP_SERVER_EVERYTHING names no server (npm)")
needs_filesystem = pytest.mark.skipif(not FILESYSTEM_SERVER, reason="MCP_SERVER_FILESYSTEM names no server (npm)")


def called(folder: Path, server: Mapping[str, Any], sensible: Mapping[str, Call]) -> Calls:
    """What came of it when an agent with an MCP server had called each of its tools that change nothing."""
    toolset = {"type": "mcp", "readonly": True, **server}
    agent = {"model": "openai/gpt-5", "description": "x", "instruction": "x", "toolsets": [toolset]}
    team = json.dumps({"agents": {"root": agent}})
    with ThoroughModel(sensible) as model:
        env = {"FLASK_AGENT_API_AGENTS": "team.yaml", "FLASK_AGENT_API_GATEWAY": f"{model.url}/v1"}
        with Server(folder, {"team.yaml": team}, app="flask_agent_api.wsgi:app", env=env) as running:
            return model.ask(running, "root")


def check(calls: Calls, sensible: Mapping[str, Call]) -> None:
    assert sorted(calls.offered) == sorted(sensible)
    assert calls.failures(sensible) == {}


def test_time(tmp_path: Path) -> None:
    server = {"command": sys.executable, "args": ["-m", "mcp_server_time"]}
    check(called(tmp_path, server, TIME), TIME)


def test_fetch(tmp_path: Path) -> None:
    with Web() as web:
        sensible = {"fetch": Call({"url": f"{web.url}/page.html", "raw": True}, "They sleep a lot.")}
        server = {**FETCH, "args": [*FETCH["args"], "--allow-private-ips"]}
        check(called(tmp_path, server, sensible), sensible)
        shy = called(tmp_path, FETCH, sensible)
    assert shy.results["fetch"].startswith("Error")


@needs_filesystem
def test_filesystem(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("first line\nsecond line\n")
    (tmp_path / "dot.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    calls = called(tmp_path, {"command": FILESYSTEM_SERVER, "args": ["."]}, FILESYSTEM)
    check(calls, FILESYSTEM)
    assert calls.images == 1


@needs_everything
def test_everything_over_stdio(tmp_path: Path) -> None:
    calls = called(tmp_path, {"command": EVERYTHING_SERVER, "args": ["stdio"]}, EVERYTHING)
    check(calls, EVERYTHING)
    assert calls.images == 2


@needs_everything
@pytest.mark.parametrize(("kind", "path"), [("streamable", "mcp"), ("sse", "sse")])
def test_everything_over_http(tmp_path: Path, kind: str, path: str) -> None:
    with everything("sse" if kind == "sse" else "streamableHttp") as port:
        remote = {"url": f"http://127.0.0.1:{port}/{path}", "transport_type": kind}
        calls = called(tmp_path, {"remote": remote}, EVERYTHING)
    check(calls, EVERYTHING)
    assert calls.images == 2


@contextmanager
def everything(transport: str) -> Iterator[int]:
    """The port of a server of its own."""
    port = free_port()
    silent = subprocess.DEVNULL
    environ = {**os.environ, "PORT": str(port)}
    process = subprocess.Popen([EVERYTHING_SERVER, transport], env=environ, stdout=silent, stderr=silent)
    try:
        wait_until(lambda: listens(port))
        yield port
    finally:
        process.kill()
        process.wait()
