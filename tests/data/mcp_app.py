"""A Flask app whose views call an MCP server, for tests under gunicorn. ``MCP_NOTES`` is the server's notebook."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from flask import Flask

from flask_agent_api.context import RunContext
from flask_agent_api.settings import Settings
from flask_agent_api.tools.mcp.toolset import MCPServerConfig
from flask_agent_api.tools.mcp.toolset import MCPToolset
from flask_agent_api.types import ToolResult

SERVER = str(Path(__file__).parent / "mcp_fake_server.py")

app = Flask(__name__)
toolset = MCPToolset(MCPServerConfig("fake", command=sys.executable, args=(SERVER, f"notes={os.environ['MCP_NOTES']}")))
lag: list[float] = []


def measure() -> None:
    while True:
        before = time.monotonic()
        time.sleep(0.005)
        lag.append(time.monotonic() - before - 0.005)


@app.get("/lag")
def worst_lag() -> str:
    if not lag:
        lag.append(0.0)
        threading.Thread(target=measure, daemon=True).start()
    return f"{os.getpid()} {max(lag):.3f}"


@app.get("/<tool>/<text>")
def call(tool: str, text: str) -> str:
    ctx = RunContext(settings=Settings())
    found = next(each for each in toolset.tools(ctx) if each.name == tool)
    result = found.call({"text": text}, ctx)
    assert isinstance(result, ToolResult)
    return f"{os.getpid()} {result.content}"
