"""A toolset whose tools carry its name, so that two servers with equal tools can stand side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..context import RunContext
from ..types import ToolResult
from .base import Tool
from .base import Toolset

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


class PrefixedToolset:
    """Another toolset's tools, each called ``<prefix>_<its name>``, within the 64 characters that models allow."""

    def __init__(self, toolset: Toolset, prefix: str) -> None:
        self.kind = toolset.kind
        self.name = toolset.name
        self.toolset = toolset
        self._prefix = _NOT_IN_NAMES.sub("_", prefix)

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The tools under their longer names. Raises what the toolset raises."""
        return [_PrefixedTool(tool, self._prefix) for tool in self.toolset.tools(ctx)]

    def instructions(self) -> str:
        """The toolset's own."""
        return self.toolset.instructions()


class _PrefixedTool:
    def __init__(self, tool: Tool, prefix: str) -> None:
        self.name = f"{prefix}_{tool.name}"[:64]
        self.description = tool.description
        self.parameters = tool.parameters
        self.read_only = tool.read_only
        self.timeout = tool.timeout
        self._tool = tool

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult | str:
        return self._tool.call(arguments, ctx)
