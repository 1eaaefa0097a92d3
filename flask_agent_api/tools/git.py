"""The toolset ``git``: what a repository says of itself. Nothing is changed, fetched or run from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..context import RunContext
from ..errors import ToolError
from ..types import JSONSchema
from .arguments import positive
from .arguments import text
from .base import Tool
from .filesystem.kept_back import KEPT_BACK
from .filesystem.kept_back import reason
from .kept_output import KeptOutput
from .process import Command
from .process import RunningCommand
from .shell.words import report

LOG_LIMIT = 20
"""Commits that ``git_log`` shows unless it is told otherwise; as in docker-agent."""

BLAME_LINES = 400
"""Lines that ``git_blame`` shows."""

_GIT = (
    "git", "--no-pager", "--literal-pathspecs", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
    "-c", "protocol.allow=never", "-c", "core.quotePath=false", "-c", "log.showSignature=false",
)  # fmt: skip
_ENV = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C.UTF-8"}
_PATH: JSONSchema = {"type": "string", "description": "A path, from the top of the repository on."}
_REVISION: JSONSchema = {"type": "string", "description": "A commit, branch or other revision; HEAD by default."}


class GitToolset:
    """Five tools on the repository that ``folder`` is in."""

    kind = "git"

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._tools = git_tools(_Repository(folder))

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """All five."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """What they are good for."""
        return "The git tools only read the repository. They show who changed what and when; nothing can be changed."


class _Repository:
    """The repository around a folder. Of its files only those in the folder can be looked into."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def git(self, ctx: RunContext, *arguments: str) -> KeptOutput:
        """What a git command writes. Raises :class:`ToolError` if it fails."""
        kept = 2 * ctx.settings.tool_output_chars
        command = Command((*_GIT, *arguments), str(self._folder), _ENV, merged=True, head=kept, tail=kept)
        running = RunningCommand(command)
        if running.finish(ctx.remaining) != 0:
            raise ToolError(f"git failed: {running.stdout.text(2000).strip()}")
        return running.stdout

    def commit(self, revision: str, ctx: RunContext) -> str:
        """The hash of a commit: what a model writes is never an option of the commands that follow."""
        name = f"{revision.strip() or 'HEAD'}^{{commit}}"
        return self.git(ctx, "rev-parse", "--verify", "--end-of-options", name).text().strip()

    def path(self, path: str, ctx: RunContext) -> str:
        """A path, from the folder on. Raises :class:`ToolError` for one that is not in the folder."""
        top = Path(self.git(ctx, "rev-parse", "--show-toplevel").text().strip())
        if ".." in Path(path).parts or not (top / path).is_relative_to(self._folder):
            raise ToolError(f"{path!r} is not in the working directory {self._folder}")
        if why := reason(Path(path).parts, KEPT_BACK):
            raise ToolError(f"{path!r} is kept back: {why}")
        return str((top / path).relative_to(self._folder))


Do = Callable[[_Repository, Mapping[str, Any], RunContext], str]


class _GitTool:
    read_only = True
    timeout: float | None = None
    needs = ""

    def __init__(
        self, repository: _Repository, name: str, description: str, do: Do, properties: JSONSchema,
        required: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.name = name
        self.description = description
        self.parameters: JSONSchema = {"type": "object", "properties": properties, "required": list(required)}
        self._repository = repository
        self._do = do

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """What git says. Raises :class:`ToolError`."""
        return self._do(self._repository, arguments, ctx)


def git_tools(repository: _Repository) -> Sequence[Tool]:
    """The five tools, by docker-agent's names and parameters."""
    limit = {"type": "integer", "description": f"How many commits to show, {LOG_LIMIT} by default."}
    return (
        _GitTool(repository, "git_status", "Show the branch, and the files that are changed or new.", _status, {}),
        _GitTool(
            repository, "git_log", "Show the latest commits, all or those that changed one path.", _log,
            {"limit": limit, "path": _PATH},
        ),
        _GitTool(repository, "git_branches", "List the local branches; * is before the current one.", _branches, {}),
        _GitTool(
            repository, "git_show", "Show a commit: who, when, its message, and how many lines of which files changed.",
            _show, {"ref": _REVISION},
        ),
        _GitTool(
            repository, "git_blame", "Show a file with the commit and the author of each line.", _blame,
            {"path": _PATH, "rev": _REVISION}, ["path"],
        ),
    )  # fmt: skip


def _status(repository: _Repository, arguments: Mapping[str, Any], ctx: RunContext) -> str:
    status = repository.git(ctx, "status", "--short", "--branch", "--ignore-submodules=all")
    return report("", status, ctx.settings.tool_output_chars)


def _log(repository: _Repository, arguments: Mapping[str, Any], ctx: RunContext) -> str:
    path = text(arguments, "path", "")
    within = ("--", repository.path(path, ctx)) if path else ()
    count = f"--max-count={positive(arguments, 'limit') or LOG_LIMIT}"
    log = repository.git(ctx, "log", count, "--date=short", "--format=%h  %ad  %an  %s", *within)
    return report("", log, ctx.settings.tool_output_chars) if log.total else "No commits."


def _branches(repository: _Repository, arguments: Mapping[str, Any], ctx: RunContext) -> str:
    branches = repository.git(ctx, "branch", "--list", "--no-color", "--no-column")
    return report("", branches, ctx.settings.tool_output_chars) if branches.total else "No branches."


def _show(repository: _Repository, arguments: Mapping[str, Any], ctx: RunContext) -> str:
    commit = repository.commit(text(arguments, "ref", ""), ctx)
    shown = repository.git(
        ctx, "show", "--numstat", "--no-ext-diff", "--no-textconv", "--date=iso", "--format=medium", "--no-color",
        "--no-notes", commit,
    )  # fmt: skip
    return report("", shown, ctx.settings.tool_output_chars)


def _blame(repository: _Repository, arguments: Mapping[str, Any], ctx: RunContext) -> str:
    path = repository.path(text(arguments, "path"), ctx)
    commit = repository.commit(text(arguments, "rev", ""), ctx)
    lines = repository.git(ctx, "blame", "--date=short", "--no-textconv", commit, "--", path).text().splitlines()
    more = [f"[cut: {len(lines) - BLAME_LINES} more lines]"] if len(lines) > BLAME_LINES else []
    return "\n".join([*lines[:BLAME_LINES], *more]) or "The file is empty."
