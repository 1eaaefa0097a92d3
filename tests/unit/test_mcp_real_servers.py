"""Every read-only tool of well-known MCP servers is listed and called, over every transport that the server has."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api import loop_thread
from flask_agent_api.concurrency import spawn
from flask_agent_api.context import RunContext
from flask_agent_api.settings import Settings
from flask_agent_api.tools.mcp.toolset import MCPServerConfig
from flask_agent_api.tools.mcp.toolset import MCPToolset
from flask_agent_api.types import ToolResult
from tests.support import free_port
from tests.support import listens
from tests.support import wait_until

pytestmark = pytest.mark.slow

pytest.importorskip("mcp")

CTX = RunContext(Settings())
EVERYTHING = os.environ.get("MCP_SERVER_EVERYTHING") or shutil.which("mcp-server-everything") or ""
FILESYSTEM = os.environ.get("MCP_SERVER_FILESYSTEM") or shutil.which("mcp-server-filesystem") or ""


@dataclass
class Call:
    """What a tool is called with, and what must be in its answer."""

    arguments: dict[str, Any] = field(default_factory=dict)
    expected: str = ""
    images: int = 0


TIME = {
    "get_current_time": Call({"timezone": "Asia/Tokyo"}, "Asia/Tokyo"),
    "convert_time": Call({"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}, "+9.0h"),
}
EVERYTHING_TOOLS = {
    "echo": Call({"message": "hello"}, "Echo: hello"),
    "get-annotated-message": Call({"messageType": "success", "includeImage": True}, "successfully", 1),
    "get-env": Call({}, '"PATH"'),
    "get-resource-links": Call({"count": 2}, "[resource link, "),
    "get-resource-reference": Call({"resourceType": "Text", "resourceId": 1}, "Resource 1"),
    "get-roots-list": Call({}, "roots"),
    "get-structured-content": Call({"location": "Chicago"}, '"conditions"'),
    "get-sum": Call({"a": 2, "b": 3}, "5"),
    "get-tiny-image": Call({}, "[image, image/png, ", 1),
    "trigger-long-running-operation": Call({"duration": 0.1, "steps": 1}, "completed"),
}
FILESYSTEM_TOOLS = {
    "read_file": Call({"path": "{}/a.txt"}, "first line"),
    "read_text_file": Call({"path": "{}/a.txt", "head": 1}, "first line"),
    "read_media_file": Call({"path": "{}/dot.png"}, "image/png", 1),
    "read_multiple_files": Call({"paths": ["{}/a.txt"]}, "first line"),
    "list_directory": Call({"path": "{}"}, "[FILE] a.txt"),
    "list_directory_with_sizes": Call({"path": "{}"}, "a.txt"),
    "directory_tree": Call({"path": "{}"}, '"a.txt"'),
    "search_files": Call({"path": "{}", "pattern": "*.txt"}, "a.txt"),
    "get_file_info": Call({"path": "{}/a.txt"}, "size: "),
    "list_allowed_directories": Call({}, "{}"),
}


@pytest.fixture(autouse=True, scope="module")
def loop() -> Iterator[None]:
    yield
    loop_thread.stop(3)


def filled(value: Any, text: str) -> Any:
    """The value with ``{}`` replaced in all its texts."""
    if isinstance(value, dict):
        return {key: filled(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, text) for item in value]
    return value.replace("{}", text) if isinstance(value, str) else value


def call_all(config: MCPServerConfig, calls: dict[str, Call], text: str = "") -> None:
    """Calls every read-only tool; there are as many as there are calls."""
    toolset = MCPToolset(config)
    try:
        tools = {tool.name: tool for tool in toolset.tools(CTX) if tool.read_only}
        assert sorted(tools) == sorted(calls)
        for name, call in calls.items():
            result = tools[name].call(filled(call.arguments, text), CTX)
            assert isinstance(result, ToolResult)
            assert not result.is_error, (name, result.content)
            assert filled(call.expected, text) in result.content, (name, result.content)
            assert len(result.images) == call.images, (name, result.content)
    finally:
        toolset.close()


def test_time() -> None:
    call_all(MCPServerConfig("time", command=sys.executable, args=("-m", "mcp_server_time")), TIME)


def test_fetch() -> None:
    pytest.importorskip("mcp_server_fetch")

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html><body><article><h1>Cats</h1><p>They sleep a lot.</p></article></body></html>")

        def log_message(self, format: str, *args: object) -> None: ...

    open_to_all = ("-m", "mcp_server_fetch", "--ignore-robots-txt", "--allow-private-ips")
    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        serving = spawn(server.serve_forever, 0.01)
        address = f"http://127.0.0.1:{server.server_port}/"
        config = MCPServerConfig("fetch", command=sys.executable, args=open_to_all)
        call_all(config, {"fetch": Call({"url": address, "raw": True}, "They sleep a lot.")})
        shy = MCPToolset(replace(config, args=open_to_all[:2]))
        result = shy.tools(CTX)[0].call({"url": address}, CTX)
        shy.close()
        server.shutdown()
        serving.join(5)
    assert isinstance(result, ToolResult)
    assert result.is_error


@pytest.mark.skipif(not FILESYSTEM, reason="MCP_SERVER_FILESYSTEM names no server (npm)")
def test_filesystem(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("first line\nsecond line\n")
    (tmp_path / "dot.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    config = MCPServerConfig("files", command=FILESYSTEM, args=(str(tmp_path),))
    call_all(config, FILESYSTEM_TOOLS, str(tmp_path))


@pytest.fixture(params=["stdio", "streamableHttp", "sse"])
def everything(request: pytest.FixtureRequest) -> Iterator[MCPServerConfig]:
    if not EVERYTHING:
        pytest.skip("MCP_SERVER_EVERYTHING names no server (npm)")
    if request.param == "stdio":
        yield MCPServerConfig("everything", command=EVERYTHING)
        return
    port = free_port()
    process = subprocess.Popen(
        [EVERYTHING, request.param],
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: listens(port), 20)
    url = f"http://127.0.0.1:{port}/{'sse' if request.param == 'sse' else 'mcp'}"
    yield MCPServerConfig("everything", url=url, transport="sse" if request.param == "sse" else "http")
    process.kill()
    process.wait()


def test_everything(everything: MCPServerConfig) -> None:
    call_all(everything, EVERYTHING_TOOLS)
