"""Tools whose JSON results are written in TOON, which takes a model fewer tokens to read (https://toonformat.dev)."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..context import RunContext
from ..types import ToolResult
from .around import ToolAround
from .around import ToolsetAround
from .base import Tool
from .base import Toolset

_MOST_CHARS = 500_000  # a model reads less by far, and the more there is the longer every other run waits


class ToonToolset(ToolsetAround):
    """Another toolset's tools, of which those whose names ``patterns`` find give objects and arrays as TOON.

    Other results stay as they are: text, errors, and JSON of more than 500,000 characters. Needs the extra:
    ``pip install 'flask-agent-api[toon]'``.
    """

    def __init__(self, toolset: Toolset, patterns: Sequence[re.Pattern[str]]) -> None:
        super().__init__(toolset)
        self._patterns = tuple(patterns)

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The tools. Raises what the toolset raises."""
        return [_ToonTool(tool) if self._finds(tool.name) else tool for tool in super().tools(ctx)]

    def _finds(self, name: str) -> bool:
        return any(pattern.search(name) for pattern in self._patterns)


class _ToonTool(ToolAround):
    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult | str:
        result = super().call(arguments, ctx)
        if isinstance(result, str):
            return as_toon(result)
        return result if result.is_error else replace(result, content=as_toon(result.content))


def has_toon() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("toon_format") is not None


def as_toon(text: str) -> str:
    """A JSON object or array as TOON; any other text as it is."""
    if len(text) > _MOST_CHARS or not text.lstrip().startswith(("{", "[")):
        return text
    import toon_format

    try:
        encoded: str = toon_format.dumps(json.loads(text))
    except (ValueError, RecursionError):
        return text
    return encoded
