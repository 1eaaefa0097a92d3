"""Tools under a longer name."""

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
        return [_PrefixedTool(tool, self._prefix) for tool in super().tools(ctx)]


class _PrefixedTool(ToolAround):
    def __init__(self, tool: Tool, prefix: str) -> None:
        super().__init__(tool)
        self.name = fit_name(f"{prefix}_{tool.name}")
