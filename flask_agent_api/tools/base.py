"""What a tool and a toolset are to an agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from typing import Protocol

from ..context import RunContext
from ..types import JSONSchema
from ..types import ToolResult


class Tool(Protocol):
    """Something that an agent's model can call.

    ``parameters`` is the JSON Schema of the arguments, an object. ``read_only`` promises that a call changes
    nothing: only read-only tools may run in parallel. ``timeout`` is in seconds; None means the setting
    ``tool_timeout``, infinity that only the run's own deadline holds. ``needs`` is the word of ``AGENT_API_ALLOW``
    without which a call is refused (:data:`~flask_agent_api.grants.GRANTS`), empty for none; a tool that wraps another
    has its ``needs``.
    """

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def parameters(self) -> JSONSchema: ...

    @property
    def read_only(self) -> bool: ...

    @property
    def timeout(self) -> float | None: ...

    @property
    def needs(self) -> str: ...

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult | str:
        """Runs in a greenlet (or thread) of its own that is ended at the tool's time limit.

        Raises :class:`~flask_agent_api.errors.ToolError` with a message for the model; any other exception
        is logged and reported to the model without its details.
        """
        ...


class Toolset(Protocol):
    """Tools that belong together: a built-in family, an MCP server, Python functions.

    ``kind`` is the type that agent files use (``mcp``, ``think``), ``name`` tells toolsets of a kind apart.
    """

    @property
    def kind(self) -> str: ...

    @property
    def name(self) -> str: ...

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The tools for a run. May start a server, so it may take a while the first time.

        Raises :class:`~flask_agent_api.errors.ToolError` if they cannot be had; the agent then runs without.
        """
        ...

    def instructions(self, ctx: RunContext) -> str:
        """What the system prompt says about these tools; empty for nothing. Called after :meth:`tools` of the run."""
        ...


def function_spec(tool: Tool) -> dict[str, Any]:
    """The tool as an entry of ``tools`` in a chat completion request."""
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    }
