"""MCP servers on the SDK, with the names of tools of public ones: ``stdio NAME``, or ``http PORT`` for all of them.

Over HTTP a server is at ``/NAME/mcp``, and with server-sent events at ``/NAME/events/sse``.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from collections.abc import Callable

import uvicorn
from mcp.server.mcpserver import Context
from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import Mount

TOOLS = {
    "openbnb-airbnb": "airbnb_search airbnb_listing_details",
    "apify": "search-actors fetch-actor-details call-actor",
    "duckduckgo": "search fetch_content",
    "couchbase": "get_buckets_in_cluster get_document_by_id run_sql_plus_plus_query",
    "github-official": "get_me list_issues issue_write",
    "github": "create_or_update_file search_repositories create_repository get_file_contents push_files create_issue "
    "create_pull_request list_issues fork_repository",
    "context7": "resolve-library-id get-library-docs",
    "brave": "brave_web_search brave_local_search",
    "notion": "notion-search notion-fetch notion-create-pages",
    "tic-tac-toe": "start_game play state",
    "yfmcp": "get_ticker_info get_ticker_news search",
    "gopls": "go_diagnostics go_file_context go_package_api go_symbol_references go_vulncheck go_workspace go_search",
    "filesystem": "read_text_file list_directory_with_sizes",
    "gateway": "mcp-add mcp-find mcp-remove mcp-config-set mcp-create-profile mcp-activate-profile",
    "elicitation": "book_table",
}


class Answer(BaseModel):
    """What the user is asked for."""

    date: str


def tool(name: str) -> Callable[..., object]:
    """A tool that says how it was called; one asks the user first."""

    def told(query: str, limit: int = 10) -> str:
        return f"{name} has {limit} results for {query}"

    async def asking(query: str, context: Context) -> str:
        answer = await context.elicit(f"When shall it be, {query}?", Answer)
        return f"{name} has results: {answer.action}"

    return asking if name == "book_table" else told


def server(name: str) -> MCPServer:
    """One of them."""
    made = MCPServer(name, instructions=f"This is {name}.", log_level="ERROR")
    for each in TOOLS[name].split():
        made.add_tool(tool(each), each, description=f"Does {each}.", annotations=ToolAnnotations(readOnlyHint=True))
    return made


def app() -> Starlette:
    """All of them."""
    servers = {name: server(name) for name in TOOLS}
    routes = []
    for name, each in servers.items():
        routes.append(Mount(f"/{name}/events", each.sse_app()))
        routes.append(Mount(f"/{name}", each.streamable_http_app()))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for each in servers.values():
                await stack.enter_async_context(each.session_manager.run())
            yield

    return Starlette(routes=routes, lifespan=lifespan)


if sys.argv[1] == "stdio":
    server(sys.argv[2]).run("stdio")
else:
    uvicorn.run(app(), port=int(sys.argv[2]), log_level="error")
