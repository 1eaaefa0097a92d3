"""Tasks that one agent of a team gives to another: the child sees the task alone, and its last words are the answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from ..context import RunContext
from ..errors import AgentAPIError
from ..errors import ToolError
from ..types import AgentSwitched
from ..types import Batch
from ..types import ClientToolCalls
from ..types import Done
from ..types import Error
from ..types import Event
from ..types import JSONSchema
from ..types import RefusalDelta
from ..types import RunRequest
from ..types import TextDelta
from ..types import ToolStarted
from .agent import Agent
from .agent import ModelAgent
from .batches import as_batches
from .team_rights import check_member

MAX_DEPTH = 10
"""Tasks within tasks, as in docker-agent."""

_MAX_REASON = 500


class TransferTask:
    """``transfer_task`` of one agent: it waits for the child, whose answer is the result of the call."""

    name = "transfer_task"
    description = "Give a task to an agent of your team and get its answer."
    read_only = False
    timeout: float | None = float("inf")
    needs = ""

    def __init__(self, agent: ModelAgent) -> None:
        self._agent = agent
        self.parameters = task_parameters(agent, "agent", "task", "expected_output")

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Runs the child; forwards its events one level deeper. Raises :class:`ToolError`."""
        require_member(self._agent, arguments, ctx)
        return do_task(self._agent, arguments, ctx)


def task_parameters(agent: ModelAgent, *required: str) -> JSONSchema:
    """The arguments that describe a task for one of the agent's team."""
    return {
        "type": "object",
        "properties": {
            "agent": {"type": "string", "enum": list(agent.sub_agents), "description": "Who gets the task."},
            "task": {"type": "string", "description": "What to do, with everything needed to know for it."},
            "expected_output": {"type": "string", "description": "What the answer should look like."},
        },
        "required": list(required),
    }


def require_member(lead: ModelAgent, arguments: dict[str, Any], ctx: RunContext) -> str:
    """The name of who is to get the task. Raises :class:`ToolError` if it cannot be."""
    name = str(arguments.get("agent"))
    if name not in lead.sub_agents:
        raise ToolError(f"there is no agent {name!r} in your team, only {', '.join(lead.sub_agents)}")
    if name in (lead.name, *ctx.chain):
        raise ToolError(f"the agent {name!r} is already at work on this; do the task yourself")
    if ctx.depth >= MAX_DEPTH:
        raise ToolError("tasks were delegated too deep; do the task yourself")
    check_member(lead.team[name], ctx)
    return name


def do_task(
    lead: ModelAgent, arguments: dict[str, Any], ctx: RunContext, hear: Callable[[str], object] | None = None
) -> str:
    """Has a member do the task and returns its answer; ``hear`` gets all that it says on the way.

    Its events come one level deeper. Raises :class:`ToolError` if it fails.
    """
    name = str(arguments["agent"])
    ctx.emit([AgentSwitched(lead.name, name, "transfer", ctx.depth)])
    try:
        child_ctx = ctx.child(lead.name, ctx.emit)
        answer = _Answer(lead.team[name], name, child_ctx.depth, hear)
        return _run(lead.team[name], _request(lead.team[name], name, arguments), child_ctx, answer)
    except AgentAPIError as exc:
        raise ToolError(f"the agent {name!r} failed: {exc.message[:_MAX_REASON]}") from exc
    finally:
        ctx.emit([AgentSwitched(name, lead.name, "transfer_end", ctx.depth)])


def _request(child: Agent, name: str, arguments: dict[str, Any]) -> RunRequest:
    """docker-agent's form: the task stands in the prompt. An agent in Python finds it where it looks for questions."""
    task, expected = str(arguments.get("task", "")), str(arguments.get("expected_output") or "")
    if not isinstance(child, ModelAgent):
        text = f"{task}\n\nExpected output: {expected}" if expected else task
        return RunRequest([{"role": "user", "content": text}], model=name)
    text = f"You are one of a team of agents. This is your task:\n\n<task>\n{task}\n</task>"
    if expected:
        text += f"\n\n<expected_output>\n{expected}\n</expected_output>"
    return RunRequest([{"role": "system", "content": text}, {"role": "user", "content": "Please proceed."}], model=name)


def _run(child: Agent, request: RunRequest, ctx: RunContext, answer: _Answer) -> str:
    used = None if isinstance(child, ModelAgent) else ctx.record.add_usage
    with closing(as_batches(child.run(request, ctx), used)) as batches:
        for batch in batches:
            if events := answer.seen(batch):
                ctx.emit(events)
            if isinstance(batch[-1], Error):
                raise batch[-1].error
    return "".join(answer.text).strip() or f"(The agent {request.model!r} gave an empty answer.)"


class _Answer:
    """What a child says last: of a declared agent the text behind its tool calls and handoffs, of others all text."""

    def __init__(self, child: Agent, name: str, depth: int, hear: Callable[[str], object] | None) -> None:
        self.text: list[str] = []
        self._speaker = name
        self._declared = isinstance(child, ModelAgent)
        self._depth = depth
        self._hear = hear

    def seen(self, batch: Batch) -> Batch:
        """Takes a batch in, and gives what of it the run's client may see."""
        return [seen for event in batch if (seen := self._take(event)) is not None]

    def _take(self, event: str | Event) -> Event | None:
        """The event as seen from above: text becomes a sub-agent's text, and the end of the child is not the run's."""
        if isinstance(event, str):
            return self._say(event)
        if isinstance(event, TextDelta | RefusalDelta):
            own = event.depth <= self._depth and event.agent in {"", self._speaker}
            return self._say(event.text) if own else event
        if isinstance(event, AgentSwitched | ToolStarted) and event.depth == self._depth and self._declared:
            self.text.clear()
            if isinstance(event, AgentSwitched) and event.kind == "handoff":
                self._speaker = event.target
        return None if isinstance(event, Done | Error | ClientToolCalls) else event

    def _say(self, text: str) -> TextDelta:
        self.text.append(text)
        if self._hear is not None:
            self._hear(text)
        return TextDelta(text, self._speaker, self._depth)
