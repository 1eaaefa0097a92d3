"""The plan of a run: written, read and declared ready, also by different agents of a team."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from ..context import RunContext
from ..errors import ToolError
from ..types import JSONSchema
from .arguments import text
from .base import Tool

_INSTRUCTIONS = """\
For work that the user should agree to first, write a plan with write_session_plan: all of it in Markdown, as each \
call replaces the one before. read_session_plan shows it to you and to the other agents. Once it is complete, call \
exit_plan_mode and put the plan into your answer: it is kept for this answer only, and what the user does not see \
there nobody can agree to. What was planned before stands in the conversation."""

_READY = "Plan ready for review. Put all of it into your answer now, and wait for what the user says to it."


class SessionPlanToolset:
    """``write_session_plan``, ``read_session_plan`` and ``exit_plan_mode``.

    There is one plan, for all agents of a run, and it lasts as long.
    """

    kind = "session_plan"

    def __init__(self, name: str = "session_plan") -> None:
        self.name = name
        content = {"content": {"type": "string", "description": "All of the plan, in Markdown."}}
        self._tools = (
            _PlanTool("write_session_plan", "Write the plan, in the place of an earlier one.", content, _write),
            _PlanTool("read_session_plan", "Read the plan.", {}, _read, read_only=True),
            _PlanTool(
                "exit_plan_mode", "Say that the plan is ready for the user to look at.", {}, _exit, read_only=True
            ),
        )

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The three tools."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """What to do with a plan."""
        return _INSTRUCTIONS


class _PlanTool:
    timeout: float | None = None
    needs = ""

    def __init__(
        self,
        name: str,
        description: str,
        properties: JSONSchema,
        do: Callable[[dict[str, Any], RunContext], str],
        *,
        read_only: bool = False,
    ) -> None:
        self.name = name
        self.description = description
        self.read_only = read_only
        self.parameters: JSONSchema = {"type": "object", "properties": properties, "required": list(properties)}
        self._do = do

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Raises :class:`ToolError` for an empty plan, and where there is none yet."""
        return self._do(arguments, ctx)


def _write(arguments: dict[str, Any], ctx: RunContext) -> str:
    content = text(arguments, "content")
    if not content.strip():
        raise ToolError("`content` must not be empty: it is all of the plan")
    ctx.state[SessionPlanToolset.kind] = content
    return "Plan saved."


def _read(arguments: dict[str, Any], ctx: RunContext) -> str:
    if plan := ctx.state.get(SessionPlanToolset.kind):
        return str(plan)
    raise ToolError("no plan written yet for this session; call write_session_plan first")


def _exit(arguments: dict[str, Any], ctx: RunContext) -> str:
    if SessionPlanToolset.kind not in ctx.state:
        raise ToolError("no plan to mark ready; call write_session_plan before exit_plan_mode")
    return _READY
