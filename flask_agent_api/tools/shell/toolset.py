"""The toolsets ``shell`` and ``background_jobs``."""

from __future__ import annotations

from collections.abc import Sequence

from ...context import RunContext
from ..base import Tool
from .job_tools import job_tools
from .place import Place
from .tool import ShellTool
from .tool import TIMEOUT

_SHELL = """\
The shell tool runs each command in a new shell: nothing of one command is left for the next but files. Use `cwd` \
instead of cd, and set `timeout` for what takes longer than {seconds} seconds. A command gets no input. What it starts \
in the background ends with it."""

_JOBS = """\
Use run_background_job for what goes on while you work, such as a server or a long build, and wait_background_job to \
get the result of what ends by itself. All jobs end with your answer."""


class ShellToolset:
    """Commands that the model writes: the tool ``shell``, and with ``jobs`` those of ``background_jobs``.

    A command may take ``seconds`` if it says nothing itself. Up to version 7 of the format the two were one toolset.
    """

    kind = "shell"

    def __init__(self, name: str, place: Place, seconds: int = TIMEOUT, *, jobs: bool = True) -> None:
        self.name = name
        self._tools = (ShellTool(place, seconds), *(job_tools(place) if jobs else ()))
        self._instructions = _SHELL.format(seconds=seconds) + (f"\n{_JOBS}" if jobs else "")

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """One, or all six."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """What to know about commands."""
        return self._instructions


class BackgroundJobsToolset:
    """Commands in the background. All agents of a run see the same jobs."""

    kind = "background_jobs"

    def __init__(self, name: str, place: Place) -> None:
        self.name = name
        self._tools = job_tools(place)

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The five tools for jobs."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """What jobs are for."""
        return _JOBS
