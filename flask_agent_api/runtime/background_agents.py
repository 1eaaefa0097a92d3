"""The toolset ``background_agents``: tasks for agents of the team that run beside the agent that gave them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ..context import RunContext
from ..errors import ToolError
from ..tools.base import Tool
from ..types import JSONSchema
from .agent import Agent
from .agent import ModelAgent
from .background_tasks import BackgroundTask
from .background_tasks import MAX_TASKS
from .background_tasks import tasks_of
from .delegation import require_member
from .delegation import task_parameters

WAIT_SECONDS = 300
MAX_WAIT_SECONDS = 3600
_MAX_SHOWN = 4096

_INSTRUCTIONS = """\
You can have agents of your team work in the background: run_background_agent begins a task and returns its id at once.
Begin all tasks that do not need each other's results, then call wait_background_agents once with all of their ids \
rather than looking again and again. Collect what you need before you answer: with your answer all tasks end."""


class BackgroundAgents:
    """The five tools of the agent called ``agent`` in ``team``, which may give tasks to its ``sub_agents``.

    All agents of a run see the same tasks.
    """

    kind = "background_agents"
    name = "background_agents"

    def __init__(self, agent: str, team: Mapping[str, Agent]) -> None:
        self._agent = agent
        self._team = team

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """None for an agent that has nobody to give tasks to."""
        lead = self._team[self._agent]
        if not isinstance(lead, ModelAgent) or not lead.sub_agents:
            return ()
        return (_Run(lead), _List(), _View(), _Stop(), _Wait())

    def instructions(self, ctx: RunContext) -> str:
        """How to work with tasks in the background."""
        return _INSTRUCTIONS if self.tools(ctx) else ""


class _BackgroundTool:
    read_only = True
    timeout: float | None = None
    needs = ""
    parameters: JSONSchema = {
        "type": "object",
        "properties": {"task_id": {"type": "string", "description": "The id that run_background_agent returned."}},
        "required": ["task_id"],
    }

    def _task(self, arguments: dict[str, Any], ctx: RunContext) -> BackgroundTask:
        """The task that a call is about. Raises :class:`ToolError`."""
        id = str(arguments.get("task_id"))
        task = tasks_of(ctx).find(id)
        if task is None:
            known = ", ".join(task.id for task in tasks_of(ctx)) or "none yet"
            raise ToolError(f"there is no task {id!r}; the ids are {known}")
        return task


class _Run(_BackgroundTool):
    name = "run_background_agent"
    description = "Begin a task for an agent of your team in the background; returns the task's id at once."
    read_only = False

    def __init__(self, lead: ModelAgent) -> None:
        self._lead = lead
        self.parameters = task_parameters(lead, "agent", "task")

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Begins the task. Raises :class:`ToolError`."""
        agent = require_member(self._lead, arguments, ctx)
        if not str(arguments.get("task") or "").strip():
            raise ToolError("`task` must be text that is not empty")
        task = tasks_of(ctx).start(self._lead, arguments, ctx)
        return f"The task has begun in the background.\nID: {task.id}\nAgent: {agent}"


class _List(_BackgroundTool):
    name = "list_background_agents"
    description = "List the tasks in the background, with their status."
    parameters: JSONSchema = {"type": "object", "properties": {}}

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """A line for each task."""
        return "\n".join(_head(task) for task in tasks_of(ctx)) or "There are no tasks in the background."


class _View(_BackgroundTool):
    name = "view_background_agent"
    description = "Show a task in the background: its result, or what its agent has said so far."

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """The task's status and output. Raises :class:`ToolError`."""
        task = self._task(arguments, ctx)
        text = task.answer or task.error or task.output or "(no output)"
        return f"{_head(task)}\n\n{text}{_CUT if task.cut else ''}"


class _Stop(_BackgroundTool):
    name = "stop_background_agent"
    description = "Stop a task in the background."
    read_only = False

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Stops it, and says if that was too late. Raises :class:`ToolError`."""
        task = self._task(arguments, ctx)
        if task.done:
            raise ToolError(f"the task {task.id} is not running any more: it is {task.status}")
        task.stop()
        return f"The task {task.id} was stopped."


class _Wait(_BackgroundTool):
    name = "wait_background_agents"
    description = "Wait until tasks in the background have ended, and get their results."
    read_only = False  # what looks at tasks in the same reply comes after it
    timeout: float | None = float("inf")
    parameters: JSONSchema = {
        "type": "object",
        "properties": {
            "task_ids": {"type": "array", "items": {"type": "string"}, "description": "The tasks to wait for."},
            "timeout": {
                "type": "integer",
                "description": f"Seconds to wait for all of them together, {WAIT_SECONDS} by default. What still runs "
                "then goes on.",
            },
        },
        "required": ["task_ids"],
    }

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Results in the order of the ids; those of tasks that still run are what there is."""
        ids, seconds = _ids(arguments.get("task_ids")), _seconds(arguments.get("timeout"))
        tasks = [tasks_of(ctx).find(id) for id in ids]  # kept, so that none makes room for another meanwhile
        deadline = time.monotonic() + seconds
        for task in tasks:
            if task is not None and not task.join(max(0.0, deadline - time.monotonic())):
                break
        entries = [_entry(id, task) for id, task in zip(ids, tasks, strict=True)]
        result: dict[str, Any] = {"all_done": all(entry["done"] for entry in entries), "tasks": entries}
        if any(task is not None and not task.done for task in tasks):
            result["timed_out"] = True
        return json.dumps(result, ensure_ascii=False)


_CUT = "\n[cut: the tasks of this run have said more than is kept]"


def _head(task: BackgroundTask) -> str:
    return f"{task.id}: agent {task.agent}, {task.status}, {task.seconds:.0f} s"


def _entry(id: str, task: BackgroundTask | None) -> dict[str, Any]:
    if task is None:
        return {"task_id": id, "status": "not_found", "done": False, "error": "There is no such task any more."}
    entry: dict[str, Any] = {"task_id": id, "status": task.status, "done": task.done}
    key, text = ("error", task.error) if task.error else ("output", task.answer or task.output)
    if text:
        entry[key] = text[:_MAX_SHOWN]
    return entry | ({"truncated": True} if len(text) > _MAX_SHOWN or task.cut else {})


def _ids(value: Any) -> list[str]:
    ids = value if isinstance(value, list) and all(isinstance(id, str) for id in value) else []
    if not 0 < len(ids) <= MAX_TASKS:
        raise ToolError(f"`task_ids` must be a list of 1 to {MAX_TASKS} ids")
    return list(dict.fromkeys(ids))


def _seconds(value: Any) -> float:
    if value is None or value == 0:
        return WAIT_SECONDS
    if not isinstance(value, int | float) or not 0 < value <= MAX_WAIT_SECONDS:
        raise ToolError(f"`timeout` must be a number of seconds up to {MAX_WAIT_SECONDS}")
    return float(value)
