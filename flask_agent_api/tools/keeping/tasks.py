"""Tasks that last longer than a conversation, for each caller apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...context import RunContext
from ...types import JSONSchema
from ..base import Tool
from .listing import as_json
from .listing import as_json_list
from .records import RecordFile
from .task_list import PRIORITIES
from .task_list import STATUSES
from .task_list import TaskList
from .tool import RecordTool

_INSTRUCTIONS = """\
You have a list of tasks that is kept from one conversation to the next, for this user alone.
A task has a priority (critical, high, medium, low), a status (pending, in_progress, done, blocked) and other tasks \
that it waits for: as long as one of these is not done it is blocked. Ask next_task what to do next, set a task to \
in_progress when you start it, and to done when it is finished."""


class TasksToolset:
    """The eight tools from ``create_task`` to ``remove_dependency``.

    Each caller has tasks of their own, which no other sees. All need ``memory`` in ``AGENT_API_ALLOW``. Toolsets with
    one ``file`` share their tasks; descriptions may be read from files in ``folder``.
    """

    kind = "tasks"

    def __init__(self, file: RecordFile, folder: Path, name: str = "tasks") -> None:
        self.name = name
        self._tools = tuple(task_tools(file, folder))

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The eight tools."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """How the list works."""
        return _INSTRUCTIONS


_ID: JSONSchema = {"type": "string", "description": "The task's id."}
_PRIORITY: JSONSchema = {"type": "string", "enum": list(PRIORITIES), "description": "How urgent it is."}
_STATUS: JSONSchema = {"type": "string", "enum": list(STATUSES)}
_DETAILS: dict[str, JSONSchema] = {
    "title": {"type": "string", "description": "What is to be done, in a few words."},
    "description": {"type": "string", "description": "All that has to be known about it."},
    "path": {"type": "string", "description": "A Markdown file whose text becomes the description."},
    "priority": {**_PRIORITY, "description": "How urgent it is; medium if nothing is said."},
    "dependencies": {
        "type": "array", "items": {"type": "string"}, "description": "Ids of the tasks that have to be done before.",
    },
}  # fmt: skip
_PAIR: dict[str, JSONSchema] = {
    "taskId": {"type": "string", "description": "The task that waits."},
    "dependsOnId": {"type": "string", "description": "The task that has to be done before."},
}


def task_tools(file: RecordFile, folder: Path) -> Sequence[Tool]:
    """The tools on the tasks in a file."""
    tool, work = partial(RecordTool, file, TasksToolset.kind), TaskList(folder)
    some_details = ("description", "path", "priority", "dependencies")
    new_status = {**_STATUS, "description": "Its new status."}
    return (
        tool("create_task", "Add a task.", _DETAILS, work.create, as_json, optional=some_details),
        tool("get_task", "Read a task.", {"id": _ID}, work.get, as_json, read_only=True),
        tool(
            "update_task", "Change a task; what is left out stays as it is.",
            {"id": _ID, **_DETAILS, "priority": _PRIORITY, "status": new_status},
            work.update, as_json, optional=("title", *some_details, "status"),
        ),
        tool("delete_task", "Delete a task. No other waits for it any longer.", {"id": _ID}, work.delete, as_json),
        tool(
            "list_tasks", "Read all tasks, or those of a status or priority: blocked ones last, the most urgent first.",
            {"status": {**_STATUS, "description": "Only tasks of this status."},
             "priority": {**_PRIORITY, "description": "Only tasks of this priority."}},
            work.listed, as_json_list, optional=("status", "priority"), read_only=True,
        ),
        tool("next_task", "Read the most urgent task to work on.", {}, work.actionable, _next, read_only=True),
        tool("add_dependency", "Have a task wait until another is done.", _PAIR, work.add_dependency, as_json),
        tool("remove_dependency", "Have a task no longer wait for another.", _PAIR, work.remove_dependency, as_json),
    )  # fmt: skip


def _next(task: Any, room: int) -> str:
    return as_json(task) if task else "No actionable tasks. Everything is either done or blocked."
