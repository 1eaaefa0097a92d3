"""What one agent brings to a run: the loop works with the seat that is taken, and another agent may take it over."""

from __future__ import annotations

import logging
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import TYPE_CHECKING

from ..context import RunContext
from ..errors import ToolError
from ..tools.base import function_spec
from ..tools.base import Tool
from ..tools.deferred import source_of
from ..types import Message
from ..types import RunRequest
from ..types import ToolsetUnavailable
from .client_tools import offer
from .delegation import TransferTask
from .exit_tools import exits_of
from .exit_tools import ExitTool
from .handoff import Handoff
from .policy import Gate
from .policy import strictest
from .prompt import system_messages
from .structured_output import ask_for
from .structured_output import StructuredOutput
from .tool_table import ToolTable

if TYPE_CHECKING:
    from .agent import ModelAgent

logger = logging.getLogger("flask_agent_api.runner")


@dataclass(frozen=True, slots=True)
class Seat:
    """An agent at work in a run.

    ``tools`` are all that it may call, the client's among them; ``specs`` and ``params`` are what its model calls have
    of them. ``system`` is its system message, or nothing. ``unavailable`` are toolsets that it has to do without. Each
    call of a tool has to pass the ``gate``. ``exits`` are the names of tools whose call ends the run.
    """

    agent: ModelAgent
    tools: Mapping[str, Tool]
    specs: Sequence[Mapping[str, Any]]
    params: Mapping[str, Any]
    system: Sequence[Message]
    unavailable: Sequence[ToolsetUnavailable]
    gate: Gate
    exits: Collection[str] = ()


def take_seat(
    agent: ModelAgent, request: RunRequest, ctx: RunContext, client_says: Sequence[str],
    output: StructuredOutput | None = None,
) -> Seat:  # fmt: skip
    """Opens the agent's toolsets and puts its prompt together; ``client_says`` is the client's part of the prompt.

    ``output`` is the format that the answer must have because the agent of the request has it.
    Raises :class:`~flask_agent_api.errors.RequestError` if the request forces a tool that the agent has itself.
    """
    table, instructions, unavailable = _open_toolsets(agent, ctx)
    tools = table.tools
    if ctx.safety != agent.policy.safety:
        ctx.safety = strictest(ctx.safety, agent.policy.safety)
    params, format_params = dict(request.params), dict[str, Any]()
    if agent.force_handoff:  # the format is for who comes last
        output = None
        params.pop("response_format", None)
    if "response_format" not in params and (output := output or agent.structured_output):
        format_params = ask_for(output, agent.structured_output, tools)
    specs: list[Mapping[str, Any]] = [function_spec(tool) for tool in tools.values()]
    exits: Sequence[ExitTool] = ()
    if request.tools:
        offered = offer(request, tools)
        ctx.ignored += [name for name in offered.ignored if name not in ctx.ignored]
        tools = {**tools, **{tool.name: tool for tool in offered.tools}}
        specs += [tool.spec for tool in offered.tools]
        if offered.choice != "auto":
            params["tool_choice"] = offered.choice
    if agent.exit_tools:
        exits = list(exits_of(agent.exit_tools, request, tools))
        specs = [*(tool.spec for tool in exits), *specs]
    return Seat(
        agent,
        tools,
        specs,
        {**format_params, **params},
        system_messages(agent, instructions, client_says),
        unavailable,
        Gate(agent.policy, table.sources, table.originals),
        [tool.name for tool in exits] if exits else (),
    )


def _open_toolsets(agent: ModelAgent, ctx: RunContext) -> tuple[ToolTable, list[str], list[ToolsetUnavailable]]:
    """The agent's tools, what the prompt says about them, and the toolsets that could not be had."""
    table = ToolTable(agent.name)
    instructions: list[str] = []
    unavailable: list[ToolsetUnavailable] = []
    if agent.sub_agents:
        table.tools[TransferTask.name] = TransferTask(agent)
    if agent.handoffs:
        table.tools[Handoff.name] = Handoff(agent)
    for toolset in agent.toolsets:
        try:
            for tool in toolset.tools(ctx):
                table.add(tool, source_of(toolset, tool.name, ctx))
            instructions.append(toolset.instructions(ctx))
        except ToolError as exc:
            logger.warning("agent %s runs without toolset %s: %s", agent.name, toolset.name, exc)
            unavailable.append(ToolsetUnavailable(toolset.name, str(exc), agent.name, ctx.depth))
    return table, instructions, unavailable
