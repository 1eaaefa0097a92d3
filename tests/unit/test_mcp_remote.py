"""MCP over every transport, with real servers as peers."""

from __future__ import annotations

import dataclasses
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api import loop_thread
from flask_agent_api.concurrency import spawn
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.mcp.toolset import MCPServerConfig
from flask_agent_api.tools.mcp.toolset import MCPTool
from flask_agent_api.tools.mcp.toolset import MCPToolset
from flask_agent_api.types import ToolResult
from tests.ports import free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

pytest.importorskip("mcp")

DATA = Path(__file__).parent.parent / "data"
CTX = RunContext(settings=Settings())
EVERYTHING = os.environ.get("MCP_SERVER_EVERYTHING") or shutil.which("mcp-server-everything")
TIME_SERVER = shutil.which("mcp-server-time", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

needs_everything = pytest.mark.skipif(EVERYTHING is None, reason="MCP_SERVER_EVERYTHING names no server")


@pytest.fixture(autouse=True, scope="module")
def loop() -> Iterator[None]:
    yield
    loop_thread.stop(3)


def failure(action: Callable[[], object]) -> str:
    with pytest.raises(ToolError) as caught:
        action()
    return str(caught.value)


@pytest.mark.skipif(TIME_SERVER is None, reason="mcp-server-time is not installed")
@pytest.mark.slow
def test_time_server_answers() -> None:
    toolset = MCPToolset(MCPServerConfig("time", command=TIME_SERVER))
    tools = {tool.name: tool for tool in toolset.tools(CTX)}
    result = tools["get_current_time"].call({"timezone": "Europe/Paris", "unknown": None}, CTX)
    toolset.close()
    assert isinstance(result, ToolResult)
    assert json.loads(result.content)["timezone"] == "Europe/Paris"


class Remote:
    """A server that listens on a port, and can be killed and started there again."""

    def __init__(self, *command: str) -> None:
        self.port = free_port()
        self._command = [part.format(port=self.port) for part in command]
        self.start()

    def start(self) -> None:
        environ = {**os.environ, "PORT": str(self.port)}
        devnull = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, env=environ, stdout=devnull, stderr=devnull)
        wait_until(self._listens)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def test_a_server_of_the_stateless_era_works_over_http(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    remote = Remote(sys.executable, str(DATA / "mcp_modern_server.py"), "{port}", str(notes))
    toolset = MCPToolset(MCPServerConfig("modern", url=f"http://127.0.0.1:{remote.port}/mcp", transport="http"))
    try:
        tools = {tool.name: tool for tool in toolset.tools(CTX) if isinstance(tool, MCPTool)}
        assert tools["add"].call({"a": 1, "b": 2}, CTX).content == "3"
        hang = dataclasses.replace(tools["hang"], timeout=0.1)
        assert "timed out" in failure(lambda: hang.call({}, CTX))
        wait_until(notes.exists)
        assert tools["grow"].call({}, CTX).content == "grown"
        wait_until(lambda: "extra" in {tool.name for tool in toolset.tools(CTX)})
    finally:
        toolset.close()
        remote.kill()


@pytest.mark.parametrize("transport", ["http", "sse"])
def test_a_refusal_over_http_names_the_status(transport: str) -> None:
    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers.append(self.headers["X-Key"])
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None: ...

    headers: list[str] = []
    with http.server.HTTPServer(("127.0.0.1", 0), Refusing) as server:
        serving = spawn(server.serve_forever, 0.01)
        url = f"http://user:sk-1@127.0.0.1:{server.server_port}/mcp"
        secret = {"X-Key": "sk-2"}
        toolset = MCPToolset(MCPServerConfig("shy", url=url, transport=transport, headers=secret))  # type: ignore[arg-type]
        message = failure(lambda: toolset.tools(CTX))
        server.shutdown()
        serving.join(5)
    assert set(headers) == {"sk-2"}
    assert message.startswith("MCP server shy: 127.0.0.1:")
    assert "HTTP 401: check the headers" in message
    assert "sk-" not in message


@needs_everything
@pytest.mark.slow
def test_everything_server_over_stdio() -> None:
    toolset = MCPToolset(MCPServerConfig("everything", command=EVERYTHING))
    check_everything(toolset)
    toolset.close()


@needs_everything
@pytest.mark.parametrize(("argument", "transport", "path"), [("streamableHttp", "http", "mcp"), ("sse", "sse", "sse")])
@pytest.mark.slow
def test_everything_server_over_http_and_after_its_restart(argument: str, transport: str, path: str) -> None:
    remote = Remote(EVERYTHING or "", argument)
    try:
        url = f"http://localhost:{remote.port}/{path}"
        toolset = MCPToolset(MCPServerConfig("remote", url=url, transport=transport))  # type: ignore[arg-type]
        tools = check_everything(toolset)
        remote.kill()
        remote.start()
        result = tools["echo"].call({"message": "again"}, CTX)
        assert result.content == "Echo: again"
        toolset.close()
    finally:
        remote.kill()


def check_everything(toolset: MCPToolset) -> dict[str, MCPTool]:
    tools = {tool.name: tool for tool in toolset.tools(CTX) if isinstance(tool, MCPTool)}
    assert tools["echo"].read_only
    assert "Everything" in toolset.instructions(CTX)
    results: list[str] = []
    arguments = {"duration": 0.3, "steps": 2}
    slow = tools["trigger-long-running-operation"]
    tasks = [spawn(lambda: results.append(slow.call(arguments, CTX).content)) for _ in range(20)]
    started = time.monotonic()
    assert all(task.join(10) for task in tasks)
    assert time.monotonic() - started < 4
    assert sum("completed" in result for result in results) == 20
    slow = dataclasses.replace(slow, timeout=0.2)
    assert "timed out" in failure(lambda: slow.call({"duration": 5, "steps": 5}, CTX))
    assert "[image, image/png, " in tools["get-tiny-image"].call({}, CTX).content
    assert tools["echo"].call({}, CTX).is_error
    return tools
