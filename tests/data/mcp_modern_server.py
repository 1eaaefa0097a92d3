"""A server of the stateless MCP era, on the SDK: ``mcp_modern_server.py PORT NOTES``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from mcp.server.mcpserver import Context
from mcp.server.mcpserver import MCPServer

server = MCPServer("modern")


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
async def grow(context: Context) -> str:
    """Adds a tool."""
    server.add_tool(lambda: "extra", name="extra")
    await context.notify_tools_changed()
    return "grown"


@server.tool()
async def hang() -> str:
    """Never ends by itself."""
    try:
        await asyncio.sleep(60)
    finally:
        Path(sys.argv[2]).write_text("cancelled")
    return "late"


server.run(transport="streamable-http", port=int(sys.argv[1]))
