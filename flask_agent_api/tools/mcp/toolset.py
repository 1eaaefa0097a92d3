"""MCP servers as toolsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import TYPE_CHECKING

from ...context import RunContext
from ...per_process import PerProcess
from ...redaction import keep_secrets
from ...redaction import keep_url
from ...types import JSONSchema
from ...types import ToolResult
from ..base import Tool
from ..names import fit_name
from ..narrowed import ORIGINAL
from ..narrowed import warn_of_unknown
from .callers import Connections
from .callers import connections
from .config import MCPServerConfig
from .runs import RunConnections

if TYPE_CHECKING:
    from .session import ToolSpec

__all__ = ["MCPServerConfig", "MCPTool", "MCPToolset"]


class MCPToolset:
    """The tools of one MCP server. Agents that share the object share the server: one for each process.

    With ``request_headers`` each caller has a connection of its own, since the server may tell callers apart by them.
    With the setting ``mcp_per_run`` each run has one.

    Needs the extra: ``pip install 'flask-agent-api[mcp]'``.
    """

    kind = "mcp"

    def __init__(self, config: MCPServerConfig) -> None:
        self.name = config.name
        self.config = config
        keep_secrets({**config.env, **config.headers})
        keep_url(config.url or "")
        self._connections = PerProcess[Connections](lambda: RunConnections(config, connections(config)))

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The server's tools; starts it the first time, and again if it has ended.

        Raises :class:`~flask_agent_api.errors.ToolError` if that is not possible, at once while it is too early for
        another attempt.
        """
        allowed = self.config.allowed_tools
        found: dict[str, MCPTool] = {}
        seen: set[str] = set()
        with self._connections.get().lease(ctx) as server:
            specs = server.tools()
        warn_of_unknown(self.name, allowed or (), [spec.name for spec in specs])
        for spec in specs:
            if spec.name and spec.name not in seen and (allowed is None or spec.name in allowed):
                seen.add(spec.name)
                name = fit_name(spec.name, found)
                found.setdefault(name, self._tool(spec, name))
        return tuple(found.values())

    def _tool(self, spec: ToolSpec, name: str) -> MCPTool:
        return MCPTool(
            connections=self._connections,
            remote_name=spec.name,
            name=name,
            description=spec.description,
            parameters=spec.parameters,
            read_only=spec.read_only,
            timeout=self.config.call_timeout,
        )

    def instructions(self, ctx: RunContext) -> str:
        """The configured instruction, else what the server says about itself."""
        made = self._connections.peek()
        server = made.peek(ctx) if made is not None else None
        own = server.instructions() if server is not None else ""
        instruction = self.config.instruction
        return own if instruction is None else instruction.replace(ORIGINAL, own)

    def status(self) -> str:
        """``not started``, ``starting``, ``running (N tools)`` or ``failed: reason``, for display.

        ``connected for N callers`` if each has a connection of its own.
        """
        made = self._connections.peek()
        return made.status() if made is not None else "not started"

    def share_server_of(self, other: MCPToolset) -> None:
        """Uses the server of a toolset with the same configuration, instead of one of its own."""
        self._connections = other._connections

    def close(self) -> None:
        """Ends this process's connections. The next use makes new ones."""
        made = self._connections.peek()
        if made is not None:
            made.close()


@dataclass(frozen=True, slots=True)
class MCPTool:
    """A tool of an MCP server. ``name`` is fit for model APIs; ``remote_name`` is what the server calls it."""

    connections: PerProcess[Connections] = field(repr=False)
    remote_name: str
    name: str
    description: str
    parameters: JSONSchema
    read_only: bool
    timeout: float | None
    needs: str = ""

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult:
        """Calls the tool on the server, without the arguments that are null.

        Raises :class:`~flask_agent_api.errors.ToolError` if the server fails or the time limit is up.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        limit = min(ctx.settings.tool_timeout if self.timeout is None else self.timeout, ctx.remaining)
        with self.connections.get().lease(ctx) as server:
            return server.call(self.remote_name, given, None if limit == float("inf") else limit)
