"""Tools whose calls say what they are for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..context import RunContext
from ..types import JSONSchema
from ..types import ToolResult
from .around import ToolAround
from .around import ToolsetAround
from .base import Tool

_ARGUMENT = "description"
_SCHEMA: JSONSchema = {"type": "string", "description": "In a few words, what this call is for."}


class DescribedToolset(ToolsetAround):
    """Another toolset's tools, each with an optional argument ``description`` that whoever watches the run can read.

    The tools themselves never get it. One that has an argument of that name already stays as it is.
    """

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The tools with the further argument. Raises what the toolset raises."""
        return [tool if _takes_one(tool) else _DescribedTool(tool) for tool in super().tools(ctx)]


class _DescribedTool(ToolAround):
    def __init__(self, tool: Tool) -> None:
        super().__init__(tool)
        properties = {**tool.parameters.get("properties", {}), _ARGUMENT: _SCHEMA}
        self.parameters: JSONSchema = {**tool.parameters, "properties": properties}

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult | str:
        return super().call({name: value for name, value in arguments.items() if name != _ARGUMENT}, ctx)


def _takes_one(tool: Tool) -> bool:
    return _ARGUMENT in tool.parameters.get("properties", {})
