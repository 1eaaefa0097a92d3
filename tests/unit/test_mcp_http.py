"""MCP over HTTP when things go wrong, with a server of the handshake era that does what it is told to."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest

from flask_agent_api import loop_thread
from flask_agent_api.concurrency import spawn
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.mcp.toolset import MCPServerConfig
from flask_agent_api.tools.mcp.toolset import MCPToolset
from flask_agent_api.types import ToolResult
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

pytest.importorskip("mcp")

CTX = RunContext(Settings())
SECRET = {"X-Key": "sk-secret"}


@pytest.fixture(autouse=True, scope="module")
def loop() -> Iterator[None]:
    yield
    loop_thread.stop(3)


class Old(http.server.ThreadingHTTPServer):
    """A server of revision 2025-11-25.

    ``mode`` says what becomes of the next call of a tool, ``lost`` with which status it answers a session it has lost.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mode = ""
        self.lost = 404
        self.target = ""
        self.tools = ["echo"]
        self.sessions: list[str] = []
        self.calls: list[str] = []
        self.keys: set[str | None] = set()
        self.changed = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None: ...


class Handler(http.server.BaseHTTPRequestHandler):
    server: Old
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None: ...

    def reply(self, status: int, body: object = None, **headers: str) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        """The stream on which the server tells of changes."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.close_connection = True
        self.server.changed.wait(20)
        notice = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        self.wfile.write(f"event: message\ndata: {json.dumps(notice)}\n\n".encode())

    def do_DELETE(self) -> None:
        self.reply(200)

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.keys.add(self.headers["X-Key"])
        if self.path == "/moved":
            self.reply(307, Location=self.server.target)
            return
        method, session = message["method"], self.headers["mcp-session-id"]
        if method != "initialize" and session not in self.server.sessions:
            self.lost(message)
        elif "id" not in message:
            self.reply(202)
        elif method == "tools/call" and self.server.mode:
            self.misbehave()
        else:
            self.answer(message)

    def lost(self, message: dict[str, Any]) -> None:
        if self.server.lost == 404:
            self.reply(404)
            return
        error = {"code": -32000, "message": "Bad Request: No valid session ID provided"}
        self.reply(400, {"jsonrpc": "2.0", "id": message.get("id"), "error": error})

    def misbehave(self) -> None:
        self.server.calls.append(self.server.mode)
        mode, self.server.mode = self.server.mode, ""
        if mode == "cut":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"jsonrpc')
            self.close_connection = True
        else:
            self.reply(int(mode))

    def answer(self, message: dict[str, Any]) -> None:
        method, params, headers = message["method"], message.get("params") or {}, {}
        result: dict[str, Any]
        if method == "initialize":
            self.server.sessions.append(str(len(self.server.sessions)))
            headers = {"Mcp_Session_Id": self.server.sessions[-1]}
            capabilities = {"tools": {"listChanged": True}}
            info = {"name": "old", "version": "1"}
            result = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": info}
        elif method == "tools/list":
            schema = {"type": "object", "properties": {}}
            result = {"tools": [{"name": name, "inputSchema": schema} for name in self.server.tools]}
        elif method == "tools/call":
            self.server.calls.append("answered")
            result = {"content": [{"type": "text", "text": str(params["arguments"].get("text"))}]}
        else:
            self.reply(200, {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no"}})
            return
        self.reply(200, {"jsonrpc": "2.0", "id": message["id"], "result": result}, **headers)


@pytest.fixture
def start() -> Iterator[Callable[[], Old]]:
    servers: list[Old] = []

    def start() -> Old:
        servers.append(Old())
        spawn(servers[-1].serve_forever, 0.01)
        return servers[-1]

    yield start
    for server in servers:
        server.changed.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def old(start: Callable[[], Old]) -> Old:
    return start()


@pytest.fixture
def toolset(old: Old) -> Iterator[MCPToolset]:
    toolset = MCPToolset(MCPServerConfig("old", url=f"{old.url}/mcp", transport="http", headers=SECRET))
    yield toolset
    toolset.close()


def echo(toolset: MCPToolset, text: str) -> str:
    result = toolset.tools(CTX)[0].call({"text": text}, CTX)
    assert isinstance(result, ToolResult)
    return result.content


def failure(action: Callable[[], object]) -> str:
    with pytest.raises(ToolError) as caught:
        action()
    assert "sk-secret" not in str(caught.value)
    return str(caught.value)


def test_a_server_of_the_handshake_era_is_called_with_its_session_and_tells_of_new_tools(
    old: Old, toolset: MCPToolset
) -> None:
    assert echo(toolset, "hello") == "hello"
    assert (old.sessions, old.keys) == (["0"], {"sk-secret"})
    old.tools.append("more")
    old.changed.set()
    wait_until(lambda: len(toolset.tools(CTX)) == 2)


@pytest.mark.parametrize("status", [404, 400])
def test_a_lost_session_is_renewed_and_the_call_made_once(old: Old, toolset: MCPToolset, status: int) -> None:
    echo(toolset, "first")
    old.sessions[:], old.lost = ["forgotten"], status
    assert echo(toolset, "again") == "again"
    assert old.calls == ["answered", "answered"]
    assert old.sessions == ["forgotten", "1"]


def test_a_call_that_is_cut_fails_and_is_not_repeated(old: Old, toolset: MCPToolset) -> None:
    echo(toolset, "first")
    old.mode = "cut"
    assert failure(lambda: echo(toolset, "x"))
    assert old.calls == ["answered", "cut"]
    assert echo(toolset, "fine again") == "fine again"


@pytest.mark.parametrize("status", ["401", "500"])
def test_a_refused_call_names_the_status(old: Old, toolset: MCPToolset, status: str) -> None:
    echo(toolset, "first")
    old.mode = status
    message = failure(lambda: echo(toolset, "x"))
    assert f"HTTP {status}" in message
    assert echo(toolset, "fine again") == "fine again"


def test_headers_do_not_follow_a_redirect_to_another_host(start: Callable[[], Old], old: Old) -> None:
    other = start()
    old.target = f"http://localhost:{other.server_port}/mcp?key=sk-secret"
    toolset = MCPToolset(MCPServerConfig("moved", url=f"{old.url}/moved", transport="http", headers=SECRET))
    message = failure(lambda: toolset.tools(CTX))
    assert f"sends callers on to localhost:{other.server_port}" in message
    assert other.keys == set()


def test_a_redirect_on_the_same_host_is_followed(old: Old) -> None:
    old.target = "/mcp"
    toolset = MCPToolset(MCPServerConfig("moved", url=f"{old.url}/moved", transport="http", headers=SECRET))
    assert echo(toolset, "here") == "here"
    toolset.close()
