"""The loop of a declarative agent: model call, tool calls, results, until there is an answer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from ..context import RunContext
from ..errors import ToolError
from ..models.base import ModelRequest
from ..tools.base import function_spec
from ..tools.base import Tool
from ..types import Batch
from ..types import ClientToolCalls
from ..types import Done
from ..types import FinishReason
from ..types import Message
from ..types import RunRequest
from ..types import ToolCall
from ..types import ToolsetUnavailable
from .client_tools import handed_out
from .client_tools import Offer
from .client_tools import offer
from .delegation import TransferTask
from .history import call_ids
from .history import readable
from .prompt import conversation
from .reply import assistant_message
from .reply import ModelReply
from .tool_calls import run_calls

if TYPE_CHECKING:
    from .agent import ModelAgent

logger = logging.getLogger("flask_agent_api.runner")

_FINISH_REASONS: dict[str, FinishReason] = {"length": "length", "content_filter": "content_filter"}


def run_agent(agent: ModelAgent, request: RunRequest, ctx: RunContext) -> Iterator[Batch]:
    """Answers a conversation with the agent's model and tools. Raises what the model raises.

    Ends with calls of the client's tools if the model calls them; what was found out so far is then kept for the
    client's return.
    """
    tools, instructions, unavailable = _open_toolsets(agent, ctx)
    offered = offer(request, tools)
    ctx.ignored += offered.ignored
    messages = conversation(agent, readable(request.messages, ctx.turns.find), instructions)
    batches = _Loop(agent, request, ctx, tools, offered, messages).run()
    return _after(list(unavailable), batches) if unavailable else batches


def _after(first: Batch, batches: Iterator[Batch]) -> Iterator[Batch]:
    yield first
    yield from batches


def _open_toolsets(agent: ModelAgent, ctx: RunContext) -> tuple[dict[str, Tool], list[str], list[ToolsetUnavailable]]:
    """The agent's tools by name, what the prompt says about them, and the toolsets that could not be had.

    Of two tools with one name the first wins, as in docker-agent.
    """
    tools: dict[str, Tool] = {}
    instructions: list[str] = []
    unavailable: list[ToolsetUnavailable] = []
    if agent.sub_agents:
        tools[TransferTask.name] = TransferTask(agent)
    for toolset in agent.toolsets:
        try:
            for tool in toolset.tools(ctx):
                tools.setdefault(tool.name, tool)
            instructions.append(toolset.instructions())
        except ToolError as exc:
            logger.warning("agent %s runs without toolset %s: %s", agent.name, toolset.name, exc)
            unavailable.append(ToolsetUnavailable(toolset.name, str(exc), agent.name, ctx.depth))
    return tools, instructions, unavailable


class _Loop:
    """The state of one run of one agent."""

    def __init__(
        self, agent: ModelAgent, request: RunRequest, ctx: RunContext, tools: dict[str, Tool], offered: Offer,
        messages: list[Message],
    ) -> None:  # fmt: skip
        self._agent = agent
        self._ctx = ctx
        self._tools: dict[str, Tool] = {**tools, **{tool.name: tool for tool in offered.tools}}
        self._specs = [*(function_spec(tool) for tool in tools.values()), *(tool.spec for tool in offered.tools)]
        self._params = {**request.params, **({} if offered.choice == "auto" else {"tool_choice": offered.choice})}
        self._messages = messages
        self._start = len(messages)
        self._call_ids = set(call_ids(messages))

    def run(self) -> Iterator[Batch]:
        """Ends with ``Done``, whatever the model does: a limit that is reached is said in one sentence."""
        model_calls = 0
        while True:
            if self._agent.max_iterations and model_calls >= self._agent.max_iterations:
                yield from _stopped(f"{model_calls} model calls")
                return
            if self._ctx.budget.model_calls <= 0:
                yield from _stopped(f"{self._ctx.settings.max_model_calls} model calls")
                return
            self._ctx.budget.model_calls -= 1
            model_calls += 1
            reply = ModelReply(refusals="response_format" in self._params)
            yield from self._call_model(reply)
            calls = reply.calls(self._call_ids)
            if not calls:
                yield [Done(_FINISH_REASONS.get(reply.finish_reason, "stop"))]
                return
            clients = {call.id: theirs for call in calls if (theirs := handed_out(call, self._tools))}
            own = [call for call in calls if call.id not in clients]
            if len(own) > self._ctx.budget.tool_calls:
                yield from _stopped(f"{self._ctx.settings.max_tool_calls} tool calls")
                return
            self._ctx.budget.tool_calls -= len(own)
            self._messages.append(assistant_message(reply.text, [clients.get(call.id, call) for call in calls]))
            yield from self._run_calls(own)
            if clients:
                yield self._hand_out(list(clients.values()))
                return

    def _run_calls(self, calls: list[ToolCall]) -> Iterator[Batch]:
        results = []
        for batch, completed in run_calls(calls, self._tools, self._agent.name, self._ctx):
            results += completed
            yield batch
        self._messages += [
            {"role": "tool", "tool_call_id": call.id, "content": result.content}
            for call, result in zip(calls, results, strict=True)
        ]

    def _hand_out(self, calls: list[ToolCall]) -> Batch:
        """Ends the answer. What the client cannot send back is kept under the ids of the calls."""
        self._ctx.turns.save([call.id for call in calls], self._messages[self._start :])
        return [ClientToolCalls(calls), Done("tool_calls")]

    def _call_model(self, reply: ModelReply) -> Iterator[Batch]:
        take_text = reply.taker(self._ctx.take_text) if self._ctx.take_text else None
        request = ModelRequest(list(self._messages), self._specs, self._params, self._ctx.deadline, take_text)
        with closing(self._agent.model.stream(request)) as stream:  # type: ignore[type-var]
            for batch in stream:
                if visible := reply.take(batch, self._agent.name, self._ctx.depth):
                    yield visible


def _stopped(limit: str) -> Iterator[Batch]:
    """A limit is no failure: the client gets what there is, and ``length`` says that it is not all."""
    yield [f"\n\nI stopped here: this run reached its limit of {limit}.", Done("length")]
