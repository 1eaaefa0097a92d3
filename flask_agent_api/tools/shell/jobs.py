"""Commands that go on while the agent does, and no longer than the run that started them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal

from ...concurrency import spawn
from ...context import RunContext
from ...errors import ToolError
from ..kept_output import KeptOutput
from ..process import Command
from ..process import RunningCommand

MAX_RUNNING = 20
"""Jobs of a run at the same time."""

MAX_JOBS = 100
"""Jobs of a run whose output is kept."""

GRACE_SECONDS = 0.5
"""How long a job that is stopped may take to end by itself."""

GRACE_AT_THE_END = 0.1
"""The same for all jobs together when their run ends."""

_KILL_SECONDS = 2.0

Status = Literal["running", "completed", "failed", "stopped"]


class Job:
    """One command. ``exit_code`` is None as long as it runs."""

    def __init__(self, id: str, script: str, command: Command) -> None:
        self.id = id
        self.script = script
        self.status: Status = "running"
        self.exit_code: int | None = None
        self._began = time.monotonic()
        self._ended = 0.0
        self._running = RunningCommand(command)
        self._task = spawn(self._work)

    @property
    def done(self) -> bool:
        """Whether nothing of it runs any more."""
        return self._ended > 0

    @property
    def output(self) -> KeptOutput:
        return self._running.stdout

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return (self._ended or time.monotonic()) - self._began

    def ask_to_end(self) -> None:
        """Tells it to end, if it runs."""
        if not self.done:
            self.status = "stopped"
            self._running.terminate()

    def end(self, grace: float) -> None:
        """Waits ``grace`` seconds for the end of a job that was told to, and then ends it."""
        if not self.join(grace):
            self._running.kill()
            self.join(_KILL_SECONDS)

    def join(self, timeout: float) -> bool:
        """Waits for the end; false if ``timeout`` seconds were not enough."""
        return self._task.join(timeout)

    def _work(self) -> None:
        try:
            self.exit_code = self._running.finish()
        finally:
            self._ended = time.monotonic()
            if self.status == "running":
                self.status = "failed" if self.exit_code else "completed"


class Jobs:
    """The jobs of one run, by id, in the order in which they began."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._number = 0
        self._ended = False

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def start(self, script: str, command: Command) -> Job:
        """Begins a job. Raises :class:`ToolError` if there are too many; the oldest that are done make room."""
        if sum(not job.done for job in self) >= MAX_RUNNING:
            raise ToolError(f"{MAX_RUNNING} jobs are running, and no more can; stop some of them first")
        for id in [job.id for job in self if job.done][: max(0, len(self._jobs) - MAX_JOBS + 1)]:
            del self._jobs[id]
        self._number += 1
        job = Job(f"job_{self._number}", script, command)
        self._jobs[job.id] = job
        if self._ended:  # in a thread that nothing interrupts, the run may have ended meanwhile
            self.end()
        return job

    def find(self, id: str) -> Job | None:
        """The job of that id; None if there is none, or if others took its room."""
        return self._jobs.get(id)

    def end(self) -> None:
        """Ends all jobs, and waits until they have."""
        self._ended = True
        for job in self:
            job.ask_to_end()
        until = time.monotonic() + GRACE_AT_THE_END
        for job in self:
            job.end(max(0.0, until - time.monotonic()))


def jobs_of(ctx: RunContext) -> Jobs:
    """The jobs of a run; they end with it."""
    jobs: Jobs | None = ctx.state.get("background_jobs")
    if jobs is None:
        jobs = ctx.state["background_jobs"] = Jobs()
        ctx.on_end.callback(jobs.end)
    return jobs
