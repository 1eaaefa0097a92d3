"""A toolset of which an agent gets a part, or which it is told about in other words."""

from __future__ import annotations

import logging
from collections.abc import Collection
from collections.abc import Sequence

from ..context import RunContext
from ..once import warn_once
from .around import ToolsetAround
from .base import Tool
from .base import Toolset
from .traits import HARMLESS

ORIGINAL = "{ORIGINAL_INSTRUCTIONS}"
"""Stands in an instruction for what the toolset itself says."""

logger = logging.getLogger("flask_agent_api.tools")


class NarrowedToolset(ToolsetAround):
    """Another toolset's tools, less those that ``allowed`` and ``read_only`` leave out.

    ``allowed`` holds exact names; None allows all, and names that no tool has are logged. With ``read_only`` only tools
    that promise to change nothing are left, and those that change nothing but the run itself. ``instruction`` replaces
    the toolset's own instructions; None keeps them.
    """

    def __init__(
        self,
        toolset: Toolset,
        allowed: Collection[str] | None = None,
        instruction: str | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        super().__init__(toolset)
        self._allowed = allowed
        self._instruction = instruction
        self._read_only = read_only

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """What is left of the tools. Raises what the toolset raises."""
        tools = super().tools(ctx)
        warn_of_unknown(self.name, self._allowed or (), [tool.name for tool in tools])
        return [tool for tool in tools if self._admits(tool)]

    def instructions(self, ctx: RunContext) -> str:
        """The replaced instructions, with the toolset's own where they are asked for."""
        if self._instruction is None:
            return super().instructions(ctx)
        if ORIGINAL not in self._instruction:
            return self._instruction
        return self._instruction.replace(ORIGINAL, super().instructions(ctx))

    def _admits(self, tool: Tool) -> bool:
        listed = self._allowed is None or tool.name in self._allowed
        return listed and (not self._read_only or tool.read_only or self.kind in HARMLESS)


def warn_of_unknown(toolset: str, names: Collection[str], known: Sequence[str]) -> None:
    """Logs once which of the names that a file lists no tool has."""
    if unknown := sorted(set(names).difference(known)):
        warn_once(logger, "toolset %s has no tool %s, only %s", toolset, ", ".join(unknown), ", ".join(known) or "none")
