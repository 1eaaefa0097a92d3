"""What the tools of the toolset ``tasks`` do: tasks with a priority and a status, some of which wait for others."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from collections.abc import Mapping
from datetime import datetime
from datetime import timezone
from pathlib import Path
from pathlib import PurePath
from typing import Any

from ...errors import ToolError
from ..arguments import text
from ..arguments import texts
from ..contained import NotReadable
from ..contained import read_contained
from .records import Record
from .records import Records

PRIORITIES = ("critical", "high", "medium", "low")
STATUSES = ("pending", "in_progress", "done", "blocked")

MAX_TASKS = 500
"""Tasks of one caller."""

MAX_TITLE = 300
"""Characters of a title."""

MAX_CHARS = 20_000
"""Characters of a description."""

_PROSE = {".md", ".markdown", ".txt"}
_SYNONYMS = {"completed": "done", "complete": "done", "todo": "pending"}


class TaskList:
    """The work of each tool on a caller's tasks. Descriptions can be read from files of prose in ``folder``.

    The methods raise :class:`ToolError` before they change anything.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, tasks: Records, arguments: Mapping[str, Any]) -> Record:
        """A new task."""
        if len(tasks) >= MAX_TASKS:
            raise ToolError(f"there are {MAX_TASKS} tasks, which is the most: delete some that are done first")
        now = _now()
        task: Record = {
            "id": str(uuid.uuid4()),
            "title": _title(arguments),
            "description": self._description(arguments) or "",
            "priority": _priority(arguments) or "medium",
            "status": "pending",
            "dependencies": _dependencies(tasks, arguments) or [],
            "createdAt": now,
            "updatedAt": now,
        }
        tasks[task["id"]] = task
        return task

    def get(self, tasks: Records, arguments: Mapping[str, Any]) -> Record:
        """One task, with what its status comes to."""
        return _shown(_task(tasks, arguments), tasks)

    def update(self, tasks: Records, arguments: Mapping[str, Any]) -> Record:
        """Changes what of a task the arguments name. Empty texts change nothing."""
        task = _task(tasks, arguments)
        dependencies = _dependencies(tasks, arguments)
        _refuse_cycle(tasks, task["id"], dependencies or ())
        changes = {
            "title": _title(arguments) if arguments.get("title") else "",
            "description": self._description(arguments),
            "priority": _priority(arguments),
            "status": _choice(arguments, "status", STATUSES),
        }
        task |= {name: value for name, value in changes.items() if value}
        if dependencies is not None:
            task["dependencies"] = dependencies
        return _touched(task)

    def delete(self, tasks: Records, arguments: Mapping[str, Any]) -> dict[str, str]:
        """Deletes a task, also from what others wait for."""
        id_ = _task(tasks, arguments)["id"]
        del tasks[id_]
        for task in tasks.values():
            task["dependencies"] = [other for other in task["dependencies"] if other != id_]
        return {"deleted": id_}

    def listed(self, tasks: Records, arguments: Mapping[str, Any]) -> list[Record]:
        """The tasks, or those of one status and priority: what can be worked on first, the most urgent of it first."""
        status, priority = _choice(arguments, "status", STATUSES), _priority(arguments)
        return [
            task
            for task in _in_order(tasks)
            if not status or task["effectiveStatus"] == status
            if not priority or task["priority"] == priority
        ]

    def actionable(self, tasks: Records, arguments: Mapping[str, Any]) -> Record | None:
        """The most urgent task that can be worked on."""
        return next((task for task in _in_order(tasks) if task["effectiveStatus"] not in {"blocked", "done"}), None)

    def add_dependency(self, tasks: Records, arguments: Mapping[str, Any]) -> Record:
        """Has one task wait for another."""
        task, other = _task(tasks, arguments, "taskId"), _task(tasks, arguments, "dependsOnId")
        if other["id"] in task["dependencies"]:
            raise ToolError("the task waits for that one already")
        _refuse_cycle(tasks, task["id"], [other["id"]])
        task["dependencies"].append(other["id"])
        return _touched(task)

    def remove_dependency(self, tasks: Records, arguments: Mapping[str, Any]) -> Record:
        """Has one task no longer wait for another; harmless if it does not."""
        task, other = _task(tasks, arguments, "taskId"), text(arguments, "dependsOnId")
        task["dependencies"] = [id_ for id_ in task["dependencies"] if id_ != other]
        return _touched(task)

    def _description(self, arguments: Mapping[str, Any]) -> str:
        """That of the arguments, or of the file that they name; empty for none."""
        path, description = text(arguments, "path", ""), text(arguments, "description", "")
        if path:
            if PurePath(path).suffix.lower() not in _PROSE:
                raise ToolError(f"`path` must name a file of prose: {', '.join(sorted(_PROSE))}")
            try:
                description = read_contained(self._folder, path)
            except NotReadable as exc:
                raise ToolError(f"`path` {path!r}: {exc}") from exc
        if len(description) > MAX_CHARS:
            raise ToolError(f"a description may have {MAX_CHARS} characters, and this one has {len(description)}")
        return description


def _task(tasks: Records, arguments: Mapping[str, Any], name: str = "id") -> Record:
    id_ = text(arguments, name).strip()
    if id_ not in tasks:
        raise ToolError(f"task not found: {id_!r}. list_tasks shows the ids")
    return tasks[id_]


def _title(arguments: Mapping[str, Any]) -> str:
    title = text(arguments, "title").strip()
    if not title or len(title) > MAX_TITLE:
        raise ToolError(f"`title` must have 1 to {MAX_TITLE} characters")
    return title


def _priority(arguments: Mapping[str, Any]) -> str:
    return _choice(arguments, "priority", PRIORITIES)


def _choice(arguments: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """One of some words, empty for none."""
    value = text(arguments, name, "").strip().lower().replace("-", "_").replace(" ", "_")
    value = value if value in choices else _SYNONYMS.get(value, value)
    if value and value not in choices:
        raise ToolError(f"invalid {name}: {value!r}. There are {', '.join(choices)}")
    return value


def _dependencies(tasks: Records, arguments: Mapping[str, Any]) -> list[str] | None:
    """The tasks to wait for; None if nothing is said about that."""
    if arguments.get("dependencies") in (None, ""):
        return None
    ids = list(dict.fromkeys(id_.strip() for id_ in texts(arguments, "dependencies")))
    for id_ in ids:
        if id_ not in tasks:
            raise ToolError(f"dependency task not found: {id_!r}. list_tasks shows the ids")
    return ids


def _refuse_cycle(tasks: Records, id_: str, dependencies: Iterable[str]) -> None:
    """Raises :class:`ToolError` if a task would wait for itself by way of what it is to wait for."""
    left, seen = list(dependencies), set[str]()
    while left:
        current = left.pop()
        if current == id_:
            raise ToolError("these dependencies would create a cycle: the task would wait for itself")
        if current not in seen:
            seen.add(current)
            left += tasks[current]["dependencies"]


def _in_order(tasks: Records) -> list[Record]:
    """What is blocked comes last; then the priority counts, and then the age."""
    shown = (_shown(task, tasks) for task in tasks.values())
    return sorted(
        shown, key=lambda task: (task["effectiveStatus"] == "blocked", PRIORITIES.index(task["priority"]))
    )  # sorting keeps the order of age, in which records come


def _shown(task: Record, tasks: Records) -> Record:
    """The task and what its status comes to: it is blocked as long as one that it waits for is not done."""
    waits = any(tasks[id_]["status"] != "done" for id_ in task["dependencies"])
    return {**task, "effectiveStatus": "blocked" if waits and task["status"] != "done" else task["status"]}


def _touched(task: Record) -> Record:
    task["updatedAt"] = _now()
    return task


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
