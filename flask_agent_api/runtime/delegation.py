"""The tool by which an agent gives a task to another agent of its team."""

from __future__ import annotations

from contextlib import closing
from typing import Any
from typing import TYPE_CHECKING

from ..context import RunContext
from ..errors import AgentAPIError
from ..errors import ToolError
from ..types import AgentSwitched
from ..types import Batch
from ..types import ClientToolCalls
from ..types import Done
from ..types import Error
from ..types import JSONSchema
from ..types import RefusalDelta
from ..types import RunRequest
from ..types import TextDelta
from .batches import as_batches

if TYPE_CHECKING:
    from .agent import ModelAgent

MAX_DEPTH = 10


class TransferTask:
    """``transfer_task`` of one agent. The child sees the task alone; its answer is the result of the call."""

    name = "transfer_task"
    description = "Give a task to an agent of your team and get its answer."
    read_only = False
    timeout: float | None = float("inf")
    needs = ""

    def __init__(self, agent: ModelAgent) -> None:
        self._agent = agent
        self.parameters: JSONSchema = {
            "type": "object",
            "properties": {
                "agent": {"type": "string", "enum": list(agent.sub_agents), "description": "Who gets the task."},
                "task": {"type": "string", "description": "What to do, with everything needed to know for it."},
                "expected_output": {"type": "string", "description": "What the answer should look like."},
            },
            "required": ["agent", "task", "expected_output"],
        }

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Runs the child; forwards its events one level deeper. Raises :class:`ToolError`."""
        name = str(arguments.get("agent"))
        if name not in self._agent.sub_agents:
            raise ToolError(f"there is no agent {name!r} in your team, only {', '.join(self._agent.sub_agents)}")
        if name in (self._agent.name, *ctx.chain):
            raise ToolError(f"the agent {name!r} is already at work on this; do the task yourself")
        if ctx.depth >= MAX_DEPTH:
            raise ToolError("tasks were delegated too deep; do the task yourself")
        ctx.emit([AgentSwitched(self._agent.name, name, "transfer", ctx.depth)])
        try:
            return self._run(name, arguments, ctx)
        except AgentAPIError as exc:
            raise ToolError(f"the agent {name!r} failed: {exc.message}") from exc
        finally:
            ctx.emit([AgentSwitched(name, self._agent.name, "transfer_end", ctx.depth)])

    def _run(self, name: str, arguments: dict[str, Any], ctx: RunContext) -> str:
        child = self._agent.team[name]
        child_ctx = ctx.child(self._agent.name, ctx.emit)
        request = RunRequest([{"role": "user", "content": _task(arguments)}], model=name)
        text: list[str] = []
        with closing(as_batches(child.run(request, child_ctx))) as batches:
            for batch in batches:
                if events := _nested(batch, name, child_ctx.depth, text):
                    ctx.emit(events)
                if isinstance(batch[-1], Error):
                    raise batch[-1].error
        return "".join(text)


def _task(arguments: dict[str, Any]) -> str:
    task, expected = str(arguments.get("task", "")), str(arguments.get("expected_output", ""))
    return f"{task}\n\nExpected output: {expected}" if expected else task


def _nested(batch: Batch, agent: str, depth: int, text: list[str]) -> Batch:
    """The batch as seen from above: text becomes a sub-agent's text, and the end of the child is not the run's."""
    events: Batch = []
    for event in batch:
        if isinstance(event, str):
            text.append(event)
            events.append(TextDelta(event, agent, depth))
        elif isinstance(event, TextDelta | RefusalDelta) and event.depth <= depth and event.agent in {"", agent}:
            text.append(event.text)
            events.append(TextDelta(event.text, agent, depth))
        elif not isinstance(event, Done | Error | ClientToolCalls):
            events.append(event)
    return events
