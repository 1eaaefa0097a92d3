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
from .base import Tool

STATUSES = ("pending", "in-progress", "completed")

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
        change: Callable[[list[Todo], dict[str, Any]], None],
        *,
        read_only: bool = False,
    ) -> None:
        self.name = name
        self.description = description
        self.read_only = read_only
        self.parameters: JSONSchema = {"type": "object", "properties": properties, "required": list(properties)}
        self._toolset = toolset
        self._change = change

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Changes the list and returns all of it. Raises :class:`ToolError` for wrong arguments, changing nothing."""
        todos: list[Todo] = ctx.state.setdefault(self._toolset, [])
        self._change(todos, arguments)
        return _report(todos)


def _tools(toolset: str) -> Sequence[Tool]:
    text: JSONSchema = {"type": "string", "description": "What is to be done."}
    update: JSONSchema = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "The step's id."},
            "status": {"type": "string", "enum": list(STATUSES), "description": "Its new status."},
        },
        "required": ["id", "status"],
    }
    return (
        _TodoTool(toolset, "create_todo", "Put one step on the to-do list.", {"description": text}, _create),
        _TodoTool(
            toolset,
            "create_todos",
            "Put several steps on the to-do list.",
            {"descriptions": {"type": "array", "items": text, "description": "The steps, in order."}},
            _create_all,
        ),
        _TodoTool(
            toolset,
            "update_todos",
            "Set the status of one or several steps.",
            {"updates": {"type": "array", "items": update, "description": "Which steps, and their new status."}},
            _update,
        ),
        _TodoTool(toolset, "list_todos", "Show the to-do list.", {}, lambda todos, arguments: None, read_only=True),
    )


def _create(todos: list[Todo], arguments: dict[str, Any]) -> None:
    _add(todos, [arguments.get("description")])


def _create_all(todos: list[Todo], arguments: dict[str, Any]) -> None:
    descriptions = arguments.get("descriptions")
    if not isinstance(descriptions, list) or not descriptions:
        raise ToolError("`descriptions` must be a list of texts that is not empty")
    _add(todos, descriptions)


def _add(todos: list[Todo], descriptions: list[Any]) -> None:
    if not all(isinstance(description, str) and description.strip() for description in descriptions):
        raise ToolError("a description must be text that is not empty")
    for description in descriptions:
        todos.append(Todo(f"todo_{len(todos) + 1}", description.strip()))


def _update(todos: list[Todo], arguments: dict[str, Any]) -> None:
    updates = arguments.get("updates")
    if not isinstance(updates, list) or not all(isinstance(update, dict) for update in updates):
        raise ToolError("`updates` must be a list of objects with `id` and `status`")
    known = {todo.id: todo for todo in todos}
    for update in updates:
        if str(update.get("id")) not in known:
            raise ToolError(f"there is no step {update.get('id')!r}; the ids are {', '.join(known) or 'none yet'}")
        if update.get("status") not in STATUSES:
            raise ToolError(f"the status {update.get('status')!r} is none of {', '.join(STATUSES)}")
    for update in updates:
        known[str(update["id"])].status = update["status"]


def _report(todos: list[Todo]) -> str:
    listed = [asdict(todo) for todo in todos]
    left = sum(todo.status != "completed" for todo in todos)
    reminder = f"{left} of {len(todos)} steps are still open." if left else "Nothing is open."
    return json.dumps({"todos": listed, "reminder": reminder}, ensure_ascii=False)
