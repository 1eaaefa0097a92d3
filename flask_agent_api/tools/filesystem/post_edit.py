"""Commands of a file that run after its agents have changed files: formatters, linters."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ...context import RunContext
from ...errors import ToolError
from ...types import ToolResult
from ..around import ToolAround
from ..base import Tool
from ..process import Command
from ..process import Outcome
from ..process import run_command
from ..process import shell
from .jail import Jail
from .jail import Parts

NEEDS = "shell"
"""The word of ``AGENT_API_ALLOW`` without which no command runs: what formatters do, files decide that agents write."""

EDITORS = frozenset({"write_file", "edit_file"})
"""The tools after which commands run."""

_SECONDS = 60.0
_SHOWN_CHARS = 1_000

logger = logging.getLogger("flask_agent_api.tools")


@dataclass(frozen=True, slots=True)
class PostEdit:
    """A command for files whose path ends as ``pattern`` says: ``*.py``, ``src/*/*.ts``.

    It finds the file's path in the variables ``file`` and ``path``: no name of a file becomes part of a command.
    """

    pattern: str
    command: str

    def fits(self, parts: Parts) -> bool:
        """Whether the command is for this file."""
        return PurePosixPath(*parts).match(self.pattern.removeprefix("**/"))


class WithPostEdit(ToolAround):
    """A tool that changes a file, and what is to run after it. What fails then takes nothing back."""

    def __init__(self, tool: Tool, jail: Jail, commands: Sequence[PostEdit]) -> None:
        super().__init__(tool)
        self._jail = jail
        self._commands = tuple(commands)

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult | str:
        """The tool's result, with a line for each command that ran. Raises what the tool raises."""
        result = super().call(arguments, ctx)
        if NEEDS not in ctx.settings.allow:
            return result
        parts = self._jail.parts(str(arguments["path"]))
        lines = [self._run(each, parts, ctx) for each in self._commands if each.fits(parts)]
        return "\n".join([result if isinstance(result, str) else result.content, *lines])

    def _run(self, post_edit: PostEdit, parts: Parts, ctx: RunContext) -> str:
        path = "/".join([self._jail.root, *parts])
        env = {"file": path, "path": path}
        command = Command(shell(post_edit.command), self._jail.root, env, merged=True)
        try:
            why = _failure(run_command(command, min(_SECONDS, ctx.remaining)))
        except ToolError as exc:
            why = str(exc)
        if not why:
            return f"Then ran: {post_edit.command}. It may have changed the file."
        logger.warning("the command %r after a change of %s failed: %s", post_edit.command, path, why)
        return f"Warning: the change was made, but the command after it failed: {post_edit.command}: {why}"


def _failure(outcome: Outcome) -> str:
    """Why a command failed, in its own words where it has any; empty if it did not."""
    if outcome.exit_code == 0:
        return ""
    ended = "it took too long" if outcome.exit_code is None else f"exit code {outcome.exit_code}"
    return f"{ended}\n{outcome.stdout.strip()[:_SHOWN_CHARS]}".strip()
