"""Tasks that agents work on while those that gave them go on, all of them in one run and none beyond it."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator
from typing import Any
from typing import Literal

from ..concurrency import Cancelled
from ..concurrency import FAILURES
from ..concurrency import spawn
from ..context import RunContext
from ..errors import ToolError
from .agent import ModelAgent
from .delegation import do_task

logger = logging.getLogger("flask_agent_api.tools")

MAX_RUNNING = 20
"""Tasks of a run at the same time, as in docker-agent."""

MAX_TASKS = 100
"""Tasks of a run whose results are kept, as in docker-agent."""

MAX_OUTPUT = 10 * 1024 * 1024
"""Characters of output that all tasks of a run may keep: what docker-agent allows each task."""

CLEANUP_SECONDS = 5.0
"""How long tasks may take to end when their run does."""

Status = Literal["running", "completed", "failed", "stopped"]


class BackgroundTask:
    """A task in a greenlet (or thread) of its own. ``output`` is what the agent has said so far."""

    def __init__(self, id: str, lead: ModelAgent, arguments: dict[str, Any], ctx: RunContext, tasks: BackgroundTasks):
        self.id = id
        self.agent = str(arguments["agent"])
        self.status: Status = "running"
        self.answer = ""
        self.error = ""
        self.cut = False
        self._go_on = True  # false: a thread, which nothing interrupts, has to end by itself
        self._lead = lead
        self._arguments = arguments
        self._ctx = ctx
        self._tasks = tasks
        self._output = io.StringIO()
        self._began = time.monotonic()
        self._ended = 0.0
        self._task = spawn(self._work)

    @property
    def done(self) -> bool:
        """Whether nothing runs any more: a task that was stopped may take a moment to end."""
        return self._ended > 0

    @property
    def output(self) -> str:
        return self._output.getvalue()

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return (self._ended or time.monotonic()) - self._began

    def stop(self) -> None:
        """Ends the task if it runs; does not wait for that."""
        if self.status == "running":
            self.status = "stopped"
            self._go_on = self._task.cancel(Cancelled("background task stopped"))

    def join(self, timeout: float) -> bool:
        """Waits for the end; false if ``timeout`` seconds were not enough."""
        return self._task.join(timeout)

    def _work(self) -> None:
        status: Status = "stopped"
        try:
            with self._ctx.scope():
                self.answer = self._kept(do_task(self._lead, self._arguments, self._ctx, self._hear))
            status = "completed"
        except ToolError as exc:
            self.error, status = str(exc), "failed"
        except FAILURES as exc:
            logger.exception("background task of agent %s failed", self.agent)
            self.error, status = f"the agent {self.agent!r} failed ({type(exc).__name__})", "failed"
        finally:
            self._ended = time.monotonic()
            if self.status == "running":
                self.status = status

    def _hear(self, text: str) -> None:
        if not self._go_on:
            raise Cancelled("background task stopped")
        self._output.write(self._kept(text))

    def _kept(self, text: str) -> str:
        kept = self._tasks.kept(text)
        self.cut = self.cut or len(kept) < len(text)
        return kept


class BackgroundTasks:
    """The background tasks of one run, by id, in the order in which they began."""

    def __init__(self) -> None:
        self._tasks: dict[str, BackgroundTask] = {}
        self._number = 0
        self._room = MAX_OUTPUT

    def __iter__(self) -> Iterator[BackgroundTask]:
        return iter(list(self._tasks.values()))

    def start(self, lead: ModelAgent, arguments: dict[str, Any], ctx: RunContext) -> BackgroundTask:
        """Begins a task. Raises :class:`ToolError` if there are too many; the oldest that are done make room."""
        if sum(not task.done for task in self) >= MAX_RUNNING:
            raise ToolError(f"{MAX_RUNNING} tasks are running, and no more can; wait for some of them, or stop them")
        for id in [task.id for task in self if task.done][: max(0, len(self._tasks) - MAX_TASKS + 1)]:
            del self._tasks[id]
        self._number += 1
        task = BackgroundTask(f"agent_task_{self._number}", lead, arguments, ctx, self)
        self._tasks[task.id] = task
        return task

    def find(self, id: str) -> BackgroundTask | None:
        """The task of that id; None if there is none, or if others took its room."""
        return self._tasks.get(id)

    def kept(self, text: str) -> str:
        """What of a text there is room for in this run's memory."""
        kept = text[: self._room]
        self._room -= len(kept)
        return kept

    def end(self) -> None:
        """Ends all tasks, and waits until they have."""
        for task in self:
            task.stop()
        deadline = time.monotonic() + CLEANUP_SECONDS
        for task in self:
            if not task.join(max(0.0, deadline - time.monotonic())):
                logger.error("background task of agent %s does not end: left behind", task.agent)
        self._tasks.clear()


def tasks_of(ctx: RunContext) -> BackgroundTasks:
    """The background tasks of a run; they end with it."""
    tasks: BackgroundTasks | None = ctx.state.get("background_agents")
    if tasks is None:
        tasks = ctx.state["background_agents"] = BackgroundTasks()
        ctx.on_end.callback(tasks.end)
    return tasks
