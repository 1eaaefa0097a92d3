"""A stand-in for a toolset that may not be used."""

from __future__ import annotations

from collections.abc import Sequence

from ..context import RunContext
from ..errors import ToolError
from .base import Tool


class UnavailableToolset:
    """Its agent loads and runs without it; each run is told ``reason``."""

    def __init__(self, kind: str, name: str, reason: str) -> None:
        self.kind = kind
        self.name = name
        self.reason = reason

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """Raises :class:`ToolError`."""
        raise ToolError(self.reason)

    def instructions(self, ctx: RunContext) -> str:
        """Nothing."""
        return ""
