"""The tool ``shell``: one command, and what it writes."""

from __future__ import annotations

from typing import Any

from ...context import RunContext
from ...types import JSONSchema
from ..arguments import positive
from ..process import RunningCommand
from .place import COMMAND_PARAMETERS
from .place import Place
from .words import ended
from .words import report

TIMEOUT = 30
"""Seconds that a command may take unless it, or its toolset, says otherwise; as in docker-agent."""


class ShellTool:
    """Runs what a model writes. ``seconds`` is how long a command may take that does not say so itself."""

    name = "shell"
    description = "Run a command in a new shell and get what it writes, standard error included, and its exit code."
    read_only = False
    timeout: float | None = float("inf")  # its own
    needs = "shell"

    def __init__(self, place: Place, seconds: int = TIMEOUT) -> None:
        self._place = place
        self._seconds = seconds
        self.parameters: JSONSchema = {
            "type": "object",
            "properties": {
                **COMMAND_PARAMETERS,
                "timeout": {"type": "integer", "description": f"Seconds that it may take, {seconds} by default."},
            },
            "required": ["cmd"],
        }

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """What the command wrote, and how it ended if that was not well. Raises :class:`ToolError`."""
        seconds = self._seconds if arguments.get("timeout") in (None, 0, "") else positive(arguments, "timeout")
        running = RunningCommand(self._place.command(arguments, ctx))
        exit_code = running.finish(min(seconds or self._seconds, ctx.remaining))
        if exit_code is None:
            head = f"The command did not end within {seconds} s and was stopped. Its output until then:"
        else:
            head = f"The command failed: {ended(exit_code)}. Its output:" if exit_code else ""
        return report(head, running.stdout, ctx.settings.tool_output_chars)
