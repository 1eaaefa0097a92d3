"""Tools and toolsets that are others with something changed: what is not changed here passes through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..context import RunContext
from ..types import ToolResult
from .base import Tool
from .base import Toolset


class ToolAround:
    """Another tool, the same but for what a subclass changes."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        self.name = tool.name
        self.description = tool.description
        self.parameters = tool.parameters
        self.read_only = tool.read_only
        self.timeout = tool.timeout
        self.needs = tool.needs

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult | str:
        """Calls the tool. Raises what it raises."""
        return self.tool.call(arguments, ctx)


class ToolsetAround:
    """Another toolset, the same but for what a subclass changes. ``toolset`` is the other one."""

    def __init__(self, toolset: Toolset) -> None:
        self.toolset = toolset
        self.kind = toolset.kind
        self.name = toolset.name

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The toolset's tools. Raises what the toolset raises."""
        return self.toolset.tools(ctx)

    def instructions(self, ctx: RunContext) -> str:
        """The toolset's own."""
        return self.toolset.instructions(ctx)
