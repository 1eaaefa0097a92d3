"""A to-do list that the model keeps for itself while it works."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from ..context import RunContext
from ..errors import ToolError
from ..types import JSONSchema
from .arguments import from_json
from .arguments import text
from .arguments import texts
from .base import Tool

STATUSES = ("pending", "in-progress", "completed")
_SYNONYMS = {"done": "completed", "complete": "completed", "todo": "pending"}

_INSTRUCTIONS = """\
You have a to-do list. Use it for work of several steps, not for a single one.
Put all the steps on it before you begin, set a step to in-progress when you start it and to completed as soon as it \
is done, and look at the list before you give your final answer: no step may be left open without a word about it."""


@dataclass(slots=True)
class Todo:
    """One entry of the list."""

    id: str
    description: str
    status: str = "pending"


class TodoToolset:
    """The tools ``create_todo``, ``create_todos``, ``update_todos`` and ``list_todos``.

    The list lasts for one run. Toolsets of the same ``name`` share it: agents of a team that each name theirs
    otherwise have a list of their own.
    """

    kind = "todo"

    def __init__(self, name: str = "todo") -> None:
        self.name = name
        self._tools = tuple(_tools(name))

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The four tools."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """How to keep the list."""
        return _INSTRUCTIONS


class _TodoTool:
    timeout: float | None = None
    needs = ""

    def __init__(
        self,
        toolset: str,
        name: str,
        description: str,
        properties: JSONSchema,
        work: Callable[[list[Todo], dict[str, Any]], dict[str, Any]],
        *,
        read_only: bool = False,
    ) -> None:
        self.name = name
        self.description = description
        self.read_only = read_only
        self.parameters: JSONSchema = {"type": "object", "properties": properties, "required": list(properties)}
        self._toolset = toolset
        self._work = work

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Changes the list and tells all of it. Raises :class:`ToolError` for wrong arguments, changing nothing."""
        todos: list[Todo] = ctx.state.setdefault(self._toolset, [])
        report = self._work(todos, arguments)
        if left := _still_open(todos):
            report["reminder"] = left
        return json.dumps(report, ensure_ascii=False)


def _tools(toolset: str) -> Sequence[Tool]:
    step: JSONSchema = {"type": "string", "description": "What is to be done."}
    update: JSONSchema = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "The step's id."},
            "status": {"type": "string", "enum": list(STATUSES), "description": "Its new status."},
        },
        "required": ["id", "status"],
    }
    return (
        _TodoTool(toolset, "create_todo", "Put one step on the to-do list.", {"description": step}, _create),
        _TodoTool(
            toolset,
            "create_todos",
            "Put several steps on the to-do list.",
            {"descriptions": {"type": "array", "items": step, "description": "The steps, in order."}},
            _create_all,
        ),
        _TodoTool(
            toolset,
            "update_todos",
            "Set the status of one or several steps.",
            {"updates": {"type": "array", "items": update, "description": "Which steps, and their new status."}},
            _update,
        ),
        _TodoTool(toolset, "list_todos", "Show the to-do list.", {}, _list, read_only=True),
    )


def _create(todos: list[Todo], arguments: dict[str, Any]) -> dict[str, Any]:
    (created,) = _add(todos, [text(arguments, "description")])
    return {"created": created, "all_todos": _all(todos)}


def _create_all(todos: list[Todo], arguments: dict[str, Any]) -> dict[str, Any]:
    descriptions = texts(arguments, "descriptions")
    if not descriptions:
        raise ToolError("`descriptions` must be a list of texts that is not empty")
    return {"created": _add(todos, descriptions), "all_todos": _all(todos)}


def _add(todos: list[Todo], descriptions: list[str]) -> list[dict[str, Any]]:
    if not all(description.strip() for description in descriptions):
        raise ToolError("a description must be text that is not empty")
    first = len(todos)
    for description in descriptions:
        todos.append(Todo(f"todo_{len(todos) + 1}", description.strip()))
    return _all(todos[first:])


def _update(todos: list[Todo], arguments: dict[str, Any]) -> dict[str, Any]:
    """Does the updates of steps that there are, and names the others; an error if there are none of them."""
    known = {todo.id: todo for todo in todos}
    wanted = [(str(update.get("id")), _status(update.get("status"))) for update in _updates(arguments)]
    not_found = [id_ for id_, _ in wanted if id_ not in known]
    if len(not_found) == len(wanted):
        raise ToolError(f"there is no step {', '.join(not_found)}; the ids are {', '.join(known) or 'none yet'}")
    updated = [{"id": id_, "status": status} for id_, status in wanted if id_ in known]
    for update in updated:
        known[update["id"]].status = update["status"]
    return {"updated": updated, **({"not_found": not_found} if not_found else {}), "all_todos": _all(todos)}


def _updates(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    updates = arguments.get("updates")
    if isinstance(updates, str):
        updates = from_json(updates)
    if isinstance(updates, dict):
        updates = [updates]
    if not isinstance(updates, list) or not updates or not all(isinstance(update, dict) for update in updates):
        raise ToolError("`updates` must be a list of objects with `id` and `status`, and not empty")
    return updates


def _status(value: Any) -> str:
    """The status that is meant: models write `in_progress` and `done`, too."""
    status = str(value).strip().lower().replace("_", "-").replace(" ", "-")
    status = _SYNONYMS.get(status, status)
    if status not in STATUSES:
        raise ToolError(f"the status {value!r} is none of {', '.join(STATUSES)}")
    return status


def _list(todos: list[Todo], arguments: dict[str, Any]) -> dict[str, Any]:
    return {"todos": _all(todos)}


def _all(todos: Sequence[Todo]) -> list[dict[str, Any]]:
    return [asdict(todo) for todo in todos]


def _still_open(todos: Sequence[Todo]) -> str:
    """What is left to do, what was begun first; empty if that is nothing."""
    begun = [todo for todo in todos if todo.status == "in-progress"]
    left = [*begun, *(todo for todo in todos if todo.status == "pending")]
    named = "; ".join(f"[{todo.id}] {todo.description} ({todo.status})" for todo in left)
    return f"{len(left)} of {len(todos)} steps are still open: {named}" if left else ""
