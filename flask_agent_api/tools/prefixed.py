"""Tools under another name."""

from __future__ import annotations

from collections.abc import Sequence

from ..context import RunContext
from .around import ToolAround
from .around import ToolsetAround
from .base import Tool
from .base import Toolset
from .names import fit_name


class PrefixedToolset(ToolsetAround):
    """Another toolset's tools, each called ``<prefix>_<its name>``, within the 64 characters that models allow."""

    def __init__(self, toolset: Toolset, prefix: str) -> None:
        super().__init__(toolset)
        self._prefix = prefix

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The tools under their longer names. Raises what the toolset raises."""
        return [RenamedTool(tool, fit_name(f"{self._prefix}_{tool.name}")) for tool in super().tools(ctx)]


class RenamedTool(ToolAround):
    """Another tool, by another name."""

    def __init__(self, tool: Tool, name: str) -> None:
        super().__init__(tool)
        self.name = name
