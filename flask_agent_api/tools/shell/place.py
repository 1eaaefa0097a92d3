"""Where the commands of a toolset run, and what they see."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from ...context import RunContext
from ...errors import ToolError
from ...redaction import keep_secrets
from ...types import JSONSchema
from ..arguments import text
from ..contained import contained
from ..contained import NotReadable
from ..process import Command
from ..process import shell
from .limits import limited

COMMAND_PARAMETERS: Mapping[str, JSONSchema] = {
    "cmd": {"type": "string", "description": "The command, in the language of the shell."},
    "cwd": {"type": "string", "description": "The folder to run it in, from the working directory on; `.` by default."},
}
"""What a model says of a command."""


@dataclass(frozen=True, slots=True)
class Place:
    """The working directory of commands, links followed, and the variables that they see besides the usual few."""

    folder: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        keep_secrets(self.env)

    def command(self, arguments: Mapping[str, Any], ctx: RunContext) -> Command:
        """The command that a model asks for. Raises :class:`ToolError`."""
        return self.script(_script(arguments), ctx, cwd=text(arguments, "cwd", "."))

    def script(self, script: str, ctx: RunContext, env: Mapping[str, str] | None = None, cwd: str = ".") -> Command:
        """A command with both outputs in one, of which more is kept than a model gets to read."""
        kept = 2 * ctx.settings.tool_output_chars  # bytes of each end: half of the characters, of four bytes each
        folder = str(self.within(cwd))
        argv = limited(shell(script), ctx.settings.command_limits)
        return Command(argv, folder, {**self.env, **(env or {})}, merged=True, head=kept, tail=kept)

    def within(self, cwd: str) -> Path:
        """A folder by its path from the working directory on. Raises :class:`ToolError` if it is not in there."""
        relative = os.path.relpath(os.path.join(self.folder, cwd or "."), self.folder)
        try:
            folder = contained(self.folder, relative)
        except NotReadable:
            raise ToolError(f"`cwd` must be a folder in the working directory {self.folder}, not {cwd!r}") from None
        if not folder.is_dir():
            raise ToolError(f"there is no folder {cwd!r} in the working directory {self.folder}")
        return folder


def _script(arguments: Mapping[str, Any]) -> str:
    """The text of ``cmd``. No other name is understood: rules about tool calls look at this one."""
    script = arguments.get("cmd")
    if not isinstance(script, str) or not script.strip():
        raise ToolError('`cmd` must be a command, as in {"cmd": "ls -l"}')
    if "\0" in script:
        raise ToolError("`cmd` must not have NUL in it")
    return script
