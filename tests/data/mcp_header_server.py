"""An MCP server over HTTP that tells what headers it gets: ``mcp_header_server.py PORT [sse]``."""

from __future__ import annotations

import asyncio
import json
import sys

from mcp.server.mcpserver import Context
from mcp.server.mcpserver import MCPServer

server = MCPServer("headers", instructions="Ask who is there.")


@server.tool()
async def whoami(context: Context, wait: float = 0) -> str:
    """Tells the headers that begin with X- or are authorization, as JSON, after a while."""
    await asyncio.sleep(wait)
    headers = {name.lower(): value for name, value in (context.headers or {}).items()}
    return json.dumps(
        {name: headers[name] for name in sorted(headers) if name.startswith("x-") or name == "authorization"}
    )


server.run(transport="sse" if "sse" in sys.argv else "streamable-http", port=int(sys.argv[1]))
