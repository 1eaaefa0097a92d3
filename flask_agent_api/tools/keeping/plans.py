"""Plans that agents write together and that outlast a conversation, for each caller apart."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from typing import Any

from ...concurrency import offload
from ...context import RunContext
from ...errors import NotAllowed
from ...grants import refusal
from ...types import JSONSchema
from ..arguments import text
from ..base import Tool
from ..filesystem.bounds import Work
from ..filesystem.content import read_text
from ..filesystem.jail import Jail
from ..filesystem.writing import write_file
from .listing import as_json
from .plan_list import delete_plan
from .plan_list import get_plan_status
from .plan_list import list_plans
from .plan_list import read_plan
from .plan_list import set_plan_status
from .plan_list import write_plan
from .records import Record
from .records import RecordFile
from .records import Records
from .records import Shelf
from .tool import RecordTool

_INSTRUCTIONS = """\
You share plans with the other agents: documents with a name, kept from one conversation to the next, for this user \
alone. Look what there is with list_plans, and read a plan before you change it: write_plan replaces all of it. Set \
`author` to your own name. A plan has a status in words of your choice, which set_plan_status changes alone.
Each change counts the revision up. Others may write, too: give the revision that you have read as \
last_known_revision, and when there is a conflict, read the plan again. To change parts of a long plan, export it to a \
file, edit that, and take it over with update_plan_from_file."""

_NAME: JSONSchema = {"type": "string", "description": "The plan's name: lowercase letters, digits, '-' and '_'."}
_REVISION: JSONSchema = {
    "type": "integer",
    "description": "The revision that you know: nothing is changed if the plan has another one by now.",
}
_LABELS: dict[str, JSONSchema] = {
    "title": {"type": "string", "description": "A title. It stays as it is if you leave this out."},
    "author": {"type": "string", "description": "Who writes, by the agent's name. It stays if you leave this out."},
    "status": {"type": "string", "description": "How far it is, in your words. It stays if you leave this out."},
}


class PlanToolset:
    """The eight tools from ``write_plan`` to ``get_plan_status``.

    Each caller has plans of their own, which no other sees. All need ``memory`` in ``AGENT_API_ALLOW``, and
    ``export_plan_to_file`` needs ``write`` as well. Toolsets with one ``file`` share their plans; plans are read from
    files in ``jail``, and written to files there.
    """

    kind = "plan"

    def __init__(self, file: RecordFile, jail: Jail, name: str = "plan") -> None:
        self.name = name
        self._tools = tuple(plan_tools(file, jail))

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The eight tools."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """How to share plans."""
        return _INSTRUCTIONS


def plan_tools(file: RecordFile, jail: Jail) -> Sequence[Tool]:
    """The tools on the plans in a file."""
    tool = partial(RecordTool, file, PlanToolset.kind)
    status, guard = {"type": "string", "description": "How far it is, in your words."}, "last_known_revision"
    content = {"type": "string", "description": "All of the plan, in Markdown."}
    path = {"type": "string", "description": "A text file with all of the plan."}
    optional = (*_LABELS, guard)
    return (
        tool(
            "write_plan", "Make a plan, or replace all of it.",
            {"name": _NAME, "content": content, **_LABELS, guard: _REVISION}, write_plan, as_json, optional=optional,
        ),
        tool("read_plan", "Read a plan.", {"name": _NAME}, read_plan, as_json, read_only=True),
        tool("list_plans", "List all plans, without their content.", {}, list_plans, as_json, read_only=True),
        tool(
            "delete_plan", "Delete a plan.", {"name": _NAME, guard: _REVISION}, delete_plan, as_json, optional=(guard,),
        ),
        tool(
            "update_plan_from_file", "Make a plan, or replace all of it, by what is in a file.",
            {"name": _NAME, "path": path, **_LABELS, guard: _REVISION},
            partial(_from_file, jail), as_json, optional=optional,
        ),
        _ExportTool(file, jail),
        tool(
            "set_plan_status", "Change the status of a plan and nothing else.",
            {"name": _NAME, "status": status, guard: _REVISION}, set_plan_status, as_json, optional=(guard,),
        ),
        tool(
            "get_plan_status", "Read the status and the revision of a plan, without its content.",
            {"name": _NAME}, get_plan_status, as_json, read_only=True,
        ),
    )  # fmt: skip


def _from_file(jail: Jail, plans: Records, arguments: Mapping[str, Any]) -> Record:
    parts = jail.parts(text(arguments, "path"))
    with jail.reading(parts) as file:
        content = read_text(file, jail.shown(parts))
    return write_plan(plans, {**arguments, "content": content})


class _ExportTool:
    name = "export_plan_to_file"
    description = "Write what is in a plan to a file, without reading it."
    read_only = False
    timeout: float | None = None
    needs = "write"
    parameters: JSONSchema = {
        "type": "object",
        "properties": {"name": _NAME, "path": {"type": "string", "description": "The file to write."}},
        "required": ["name", "path"],
    }

    def __init__(self, file: RecordFile, jail: Jail) -> None:
        self._file = file
        self._jail = jail

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Raises :class:`ToolError`, also where ``memory`` is not allowed."""
        if RecordTool.needs not in ctx.settings.allow:
            raise NotAllowed(refusal(f"The tool {self.name}", RecordTool.needs), "AGENT_API_ALLOW lacks memory")
        return as_json(offload(self._export, arguments, ctx))

    def _export(self, arguments: Mapping[str, Any], ctx: RunContext) -> Record:
        shelf = Shelf(self._file.path(ctx.settings), PlanToolset.kind, ctx.principal.id)
        plan, path = read_plan(shelf.read(), arguments), text(arguments, "path")
        write_file(self._jail, {"path": path, "content": plan["content"]}, Work(0))
        told: Record = {key: plan[key] for key in ("title", "status", "revision") if key in plan}
        return {"name": plan["name"], "path": path, **told, "bytesWritten": len(plan["content"].encode())}
