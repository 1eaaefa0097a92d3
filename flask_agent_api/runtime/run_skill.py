"""The tool by which an agent has a skill done by another agent, which is itself but for the instruction."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from ..context import RunContext
from ..errors import ToolError
from ..models.base import Model
from ..tools.around import ToolsetAround
from ..tools.base import Tool
from ..tools.base import Toolset
from ..tools.skills import name_schema
from ..tools.skills import Skill
from ..tools.skills import skill_of
from ..types import JSONSchema
from .agent import Agent
from .agent import ModelAgent
from .delegation import do_task
from .delegation import MAX_DEPTH
from .delegation import TransferTask


@dataclass(frozen=True, slots=True)
class SkillRun:
    """How a skill is run: with which ``model`` (None: the agent's own), which of the agent's tools, and which more.

    ``allowed`` are patterns of names such as ``read_*``; None allows all tools. ``toolsets`` are offered in any case.
    """

    skill: Skill
    model: Model | None = None
    allowed: tuple[str, ...] | None = None
    toolsets: tuple[Toolset, ...] = ()


class RunSkill:
    """``run_skill`` of one agent, which is looked up in its team at the call: it is made before the agent is."""

    name = "run_skill"
    description = "Have a skill done by another agent, with your tools. You get its result."
    read_only = False
    timeout: float | None = float("inf")
    needs = ""

    def __init__(self, runs: Sequence[SkillRun], agent: str, team: Mapping[str, Agent]) -> None:
        self._runs = {run.skill.name: run for run in runs}
        self._skills = {run.skill.name: run.skill for run in runs}
        self._agent = agent
        self._team = team
        self.parameters: JSONSchema = {
            "type": "object",
            "properties": {
                "name": name_schema(self._skills),
                "task": {"type": "string", "description": "What to do, with everything needed to know for it."},
            },
            "required": ["name", "task"],
        }

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Runs the skill; forwards its events one level deeper. Raises :class:`ToolError`."""
        skill = skill_of(self._skills, arguments)
        lead = self._team[self._agent]
        if not isinstance(lead, ModelAgent) or ctx.depth >= MAX_DEPTH:
            raise ToolError("tasks were delegated too deep; do the task yourself")
        child = _child(lead, self._runs[skill.name])
        return do_task(replace(lead, team={child.name: child}), {**arguments, "agent": child.name}, ctx)


def _child(lead: ModelAgent, run: SkillRun) -> ModelAgent:
    """The agent with the skill for its instruction. It runs no skills in turn: what it is asked, it does itself."""
    inherited = [toolset for toolset in lead.toolsets if toolset.kind != "skills"]
    delegates = run.allowed is None or _matches(TransferTask.name, run.allowed)
    if run.allowed is not None:
        inherited = [_AllowedToolset(toolset, run.allowed) for toolset in inherited]
    return replace(
        lead,
        name=run.skill.name,
        model=run.model or lead.model,
        instruction=run.skill.text(),
        toolsets=(*run.toolsets, *inherited),
        sub_agents=lead.sub_agents if delegates else (),
        handoffs=(),
        force_handoff="",
        commands={},
        structured_output=None,
    )


class _AllowedToolset(ToolsetAround):
    """Another toolset's tools, those alone whose names match a pattern."""

    def __init__(self, toolset: Toolset, allowed: Sequence[str]) -> None:
        super().__init__(toolset)
        self._allowed = allowed

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """What is left of the tools. Raises what the toolset raises."""
        return [tool for tool in super().tools(ctx) if _matches(tool.name, self._allowed)]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
