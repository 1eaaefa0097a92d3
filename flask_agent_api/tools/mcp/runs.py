"""Connections to MCP servers that belong to one run, where the operator wants that: started for it, ended with it."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from contextlib import nullcontext
from typing import Any

from ...concurrency import spawn
from ...context import RunContext
from ...errors import ToolError
from .callers import Connections
from .callers import headers_of
from .callers import with_headers
from .config import MCPServerConfig
from .server import MCPServer

_STATE = "mcp servers"
_END_SECONDS = 4.0


class RunConnections:
    """With the setting ``mcp_per_run`` a connection for each run; without it those that are ``shared``."""

    def __init__(self, config: MCPServerConfig, shared: Connections) -> None:
        self._config = config
        self._shared = shared

    def lease(self, ctx: RunContext) -> AbstractContextManager[MCPServer]:
        if not ctx.settings.mcp_per_run:
            return self._shared.lease(ctx)
        config = with_headers(self._config, headers_of(self._config, ctx))
        return nullcontext(_servers_of(ctx).get(self, config))

    def peek(self, ctx: RunContext) -> MCPServer | None:
        return _servers_of(ctx).peek(self) if ctx.settings.mcp_per_run else self._shared.peek(ctx)

    def status(self) -> str:
        return self._shared.status()

    def close(self) -> None:
        self._shared.close()


class _RunServers:
    """The servers of one run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[Any, MCPServer] = {}
        self._ended = False

    def get(self, key: object, config: MCPServerConfig) -> MCPServer:
        with self._lock:
            if self._ended:
                raise ToolError(f"MCP server {config.name}: the run has ended")
            return self._servers.setdefault(key, MCPServer(config))

    def peek(self, key: object) -> MCPServer | None:
        return self._servers.get(key)

    def end(self) -> None:
        """Ends all of them side by side."""
        with self._lock:
            self._ended = True
        tasks = [spawn(server.end) for server in self._servers.values()]
        for task in tasks:
            task.join(_END_SECONDS)


def _servers_of(ctx: RunContext) -> _RunServers:
    made = _RunServers()
    servers: _RunServers = ctx.state.setdefault(_STATE, made)
    if servers is made:
        ctx.on_end.callback(servers.end)
    return servers
