"""The tools for commands in the background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...context import RunContext
from ...errors import ToolError
from ...types import JSONSchema
from ..arguments import positive
from ..base import Tool
from .jobs import GRACE_SECONDS
from .jobs import Job
from .jobs import jobs_of
from .place import COMMAND_PARAMETERS
from .place import Place
from .words import ended
from .words import report

WAIT_SECONDS = 60
"""How long ``wait_background_job`` waits unless it is told otherwise; as in docker-agent."""

_JOB_ID: JSONSchema = {"type": "string", "description": "The id that run_background_job returned."}


def job_tools(place: Place) -> Sequence[Tool]:
    """All five, for commands that run in ``place``."""
    return (_Run(place), _List(), _View(), _Stop(), _Wait())


class _JobTool:
    read_only = True
    timeout: float | None = None
    needs = "shell"
    parameters: JSONSchema = {"type": "object", "properties": {"job_id": _JOB_ID}, "required": ["job_id"]}

    def _job(self, arguments: dict[str, Any], ctx: RunContext) -> Job:
        """The job that a call is about. Raises :class:`ToolError`."""
        id = str(arguments.get("job_id"))
        job = jobs_of(ctx).find(id)
        if job is None:
            known = ", ".join(job.id for job in jobs_of(ctx)) or "none yet"
            raise ToolError(f"there is no job {id!r}; the ids are {known}")
        return job


class _Run(_JobTool):
    name = "run_background_job"
    description = "Start a command in the background and get its job id at once: for servers, watchers, long builds."
    read_only = False
    parameters: JSONSchema = {"type": "object", "properties": {**COMMAND_PARAMETERS}, "required": ["cmd"]}

    def __init__(self, place: Place) -> None:
        self._place = place

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Begins the job. Raises :class:`ToolError`."""
        command = self._place.command(arguments, ctx)
        job = jobs_of(ctx).start(arguments["cmd"], command)
        return f"The job has begun in the background.\nID: {job.id}\nWorking directory: {command.cwd}"


class _List(_JobTool):
    name = "list_background_jobs"
    description = "List the jobs in the background, with their status."
    parameters: JSONSchema = {"type": "object", "properties": {}}

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """A line for each job."""
        lines = [f"{_head(job)}: {job.script:.1000}" for job in jobs_of(ctx)]
        return "\n".join(lines) or "There are no jobs in the background."


class _View(_JobTool):
    name = "view_background_job"
    description = "Show the status and the output of a job in the background."

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """The job's status and what it has written so far. Raises :class:`ToolError`."""
        return _report(self._job(arguments, ctx), ctx)


class _Stop(_JobTool):
    name = "stop_background_job"
    description = "Stop a job in the background, with all that it has started."
    read_only = False

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Stops it. Raises :class:`ToolError`, also if that is too late."""
        job = self._job(arguments, ctx)
        if job.done:
            raise ToolError(f"the job {job.id} is not running any more: it is {job.status}")
        job.ask_to_end()
        job.end(GRACE_SECONDS)
        return f"The job {job.id} was stopped."


class _Wait(_JobTool):
    name = "wait_background_job"
    description = "Wait for the end of a job in the background and get its output. What still runs then goes on."
    read_only = False  # what looks at jobs in the same reply comes after it
    timeout: float | None = float("inf")
    parameters: JSONSchema = {
        "type": "object",
        "properties": {
            "job_id": _JOB_ID,
            "timeout": {"type": "integer", "description": f"Seconds to wait, {WAIT_SECONDS} by default."},
        },
        "required": ["job_id"],
    }

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """The job's status and output when it has ended, or when the time is up. Raises :class:`ToolError`."""
        job = self._job(arguments, ctx)
        seconds = None if arguments.get("timeout") == 0 else positive(arguments, "timeout")
        job.join(seconds or WAIT_SECONDS)
        return _report(job, ctx)


def _head(job: Job) -> str:
    how = "" if job.exit_code is None else f", {ended(job.exit_code)}"
    return f"{job.id}, {job.status}{how}, {job.seconds:.0f} s"


def _report(job: Job, ctx: RunContext) -> str:
    return report(f"{_head(job)}\nCommand: {job.script:.1000}\n", job.output, ctx.settings.tool_output_chars)
