"""Tools whose results another model reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..context import RunContext
from ..models.base import Model
from ..types import ToolResult
from .around import ToolAround
from .around import ToolsetAround
from .base import Tool
from .base import Toolset


class RoutedToolset(ToolsetAround):
    """Another toolset's tools; the model call that reads their results, and no further one, is made with ``model``.

    Of several calls at once the first that wants a model of its own has its way, as in docker-agent.
    """

    def __init__(self, toolset: Toolset, model: Model) -> None:
        super().__init__(toolset)
        self.model = model

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The tools. Raises what the toolset raises."""
        return [_RoutedTool(tool, self.model) for tool in super().tools(ctx)]


class _RoutedTool(ToolAround):
    def __init__(self, tool: Tool, model: Model) -> None:
        super().__init__(tool)
        self._model = model

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult | str:
        if ctx.next_call.model is None:
            ctx.next_call.model = self._model
        return super().call(arguments, ctx)
