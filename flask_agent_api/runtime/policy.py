"""What may run: decided before each tool call, and written to the audit log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ..context import RunContext
from ..errors import NotAllowed
from ..errors import ToolError
from ..grants import refusal
from ..permissions import first
from ..permissions import Permissions
from ..settings import SAFETY
from ..tools.base import Tool
from ..tools.base import Toolset
from ..tools.traits import HARMLESS
from ..types import ToolCall
from .hooks import Hooks

logger = logging.getLogger("flask_agent_api.audit")

_DELEGATION = frozenset({"transfer_task", "handoff"})  # what the other agent does passes a gate of its own


@dataclass(frozen=True, slots=True)
class Policy:
    """What a file says about what its agent may do. It only narrows what the operator allows.

    ``permissions`` are the rules of the whole file, ``safety`` the mode of this agent, ``hooks`` its commands.
    """

    permissions: Permissions = field(default_factory=Permissions)
    safety: str = SAFETY[-1]
    hooks: Hooks = field(default_factory=Hooks)


@dataclass(frozen=True, slots=True)
class Gate:
    """What every tool call of an agent has to pass. ``toolsets`` are those of its tools, by the tools' names.

    ``originals`` are the names that tools had before they were renamed: rules against those hold, too.

    First the rules that deny, the operator's and the file's; then what the caller may use; then ``AGENT_API_ALLOW``. An
    ``allow`` of the operator settles the rest. Without one, what the file would ask about is denied, as nobody can be
    asked, and so is what the operator would ask about; last come the safety modes: the operator's, and the file's
    unless an ``allow`` of the file is about the call. So no file can take back what the operator said.
    """

    policy: Policy = field(default_factory=Policy)
    toolsets: Mapping[str, Toolset] = field(default_factory=dict)
    originals: Mapping[str, str] = field(default_factory=dict)

    def admit(
        self, call: ToolCall, tool: Tool, arguments: dict[str, Any], agent: str, ctx: RunContext
    ) -> dict[str, Any]:
        """The arguments that the tool is to get, as hooks may change them. Raises :class:`NotAllowed`."""
        self.check(tool, arguments, ctx)
        changed = self.policy.hooks.before_tool(call, arguments, agent, ctx)
        if changed != arguments:
            self.check(tool, changed, ctx)
        return changed

    def check(self, tool: Tool, arguments: Mapping[str, Any], ctx: RunContext) -> None:
        """Raises :class:`NotAllowed` if the call may not run."""
        names, operator, file = self._names(tool), ctx.settings.permissions, self.policy.permissions
        against = [*names, self.originals.get(tool.name, tool.name)]
        for whose, permissions in (("AGENT_API_PERMISSIONS", operator), ("permissions", file)):
            if rule := first(permissions.deny, against, arguments):
                raise NotAllowed(f"The tool {tool.name} is not allowed here.", f"{whose} deny {rule.text!r}")
        own = ctx.principal.allowance.rules()
        if own is not None and not (self._is_teamwork(tool) or _allows(own, tool, names, arguments)):
            raise NotAllowed(f"The tool {tool.name} is not allowed for this user.", "the caller's tools")
        if tool.needs and tool.needs not in ctx.settings.allow:
            raise NotAllowed(refusal(f"The tool {tool.name}", tool.needs), f"AGENT_API_ALLOW lacks {tool.needs}")
        if _allows(operator, tool, names, arguments):
            return
        allowed_by_file = _allows(file, tool, names, arguments)
        asking = first(operator.ask, against, arguments) or (
            None if allowed_by_file else first(file.ask, against, arguments)
        )
        if asking:
            raise _needs_approval(tool, f"ask {asking.text!r}")
        self._check_safety(tool, allowed_by_file, ctx)

    def _is_teamwork(self, tool: Tool) -> bool:
        """Whether it sets another agent to work, or tells how that goes: the caller's ``agents`` decide about it."""
        toolset = self.toolsets.get(tool.name)
        return tool.name in _DELEGATION if toolset is None else toolset.kind == "background_agents"

    def _check_safety(self, tool: Tool, allowed_by_file: bool, ctx: RunContext) -> None:
        toolset = self.toolsets.get(tool.name)
        safe = tool.read_only or (tool.name in _DELEGATION if toolset is None else toolset.kind in HARMLESS)
        for mode in (ctx.settings.safety, *([] if allowed_by_file else [ctx.safety])):
            if mode == "strict" or (mode != "autonomous" and not safe):
                raise _needs_approval(tool, f"safety {mode}")

    def _names(self, tool: Tool) -> list[str]:
        """What rules may call the tool: its name, and that in its toolset, which may be part of the name."""
        toolset = self.toolsets.get(tool.name)
        if toolset is None:
            return [tool.name]
        place = f"{toolset.kind}:{toolset.name}:"
        original = self.originals.get(tool.name, tool.name)
        return [tool.name, place + tool.name, place + original.removeprefix(f"{toolset.name}_")]


OPEN = Gate()
"""Without rules of a file."""


def strictest(*modes: str) -> str:
    """The safety mode that lets the least run."""
    return min(modes, key=SAFETY.index)


def _allows(permissions: Permissions, tool: Tool, names: list[str], arguments: Mapping[str, Any]) -> bool:
    if tool.needs == "shell":
        return any(rule.matches_one_command(names, arguments) for rule in permissions.allow)
    return first(permissions.allow, names, arguments) is not None


def _needs_approval(tool: Tool, rule: str) -> NotAllowed:
    return NotAllowed(
        f"The tool {tool.name} needs an approval that nobody can give here ({rule}). The operator can allow it with "
        f'AGENT_API_PERMISSIONS={{"allow": ["{tool.name}"]}}',
        rule,
    )


@contextmanager
def audited(call: ToolCall, agent: str, ctx: RunContext) -> Iterator[None]:
    """Writes to the audit log how its block decides about a call: it lets it pass or raises :class:`ToolError`."""
    try:
        yield
    except NotAllowed as exc:
        record(call, agent, ctx, f"denied: {exc.rule}")
        raise
    except ToolError:
        record(call, agent, ctx, "not called")
        raise
    record(call, agent, ctx, "allowed")


def record(call: ToolCall, agent: str, ctx: RunContext, verdict: str) -> None:
    """One line: who had which agent call which tool, and what was decided.

    Never the arguments, which may be secret. Names are escaped, as models make them up.
    """
    names = (ctx.principal.id, agent, call.name)
    logger.info("tool call run=%s principal=%.100r agent=%.100r tool=%.100r %s", ctx.run_id, *names, verdict)
