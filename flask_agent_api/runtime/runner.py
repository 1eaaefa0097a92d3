"""The loop of a declarative agent: model call, tool calls, results, until there is an answer."""

from __future__ import annotations

from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from ..context import NextCall
from ..context import RunContext
from ..models.base import ModelRequest
from ..types import AgentSwitched
from ..types import Batch
from ..types import ClientToolCalls
from ..types import Done
from ..types import FinishReason
from ..types import Message
from ..types import RunRequest
from ..types import ToolCall
from ..types import ToolsetUnavailable
from .agent import Agent
from .agent import ModelAgent
from .batches import as_batches
from .calls_seen import ModelCallSeen
from .client_tools import handed_out
from .command import called_agent
from .exit_tools import until_exit
from .extra_call import calls_only
from .extra_call import MAX_TURNS
from .handoff import forced_message
from .handoff import last_of
from .held_back import held_back
from .history import AT_WORK
from .history import at_work
from .history import call_ids
from .history import readable
from .limits import Meter
from .prompt import opening
from .reply import assistant_message
from .reply import ModelReply
from .seat import take_seat
from .shortened import estimated
from .shortened import is_of_tools
from .shortened import shortened
from .team_rights import require_speaker
from .tool_calls import run_calls
from .tool_messages import tool_messages

_FINISH_REASONS: dict[str, FinishReason] = {"length": "length", "content_filter": "content_filter"}


def run_agent(agent: ModelAgent, request: RunRequest, ctx: RunContext) -> Generator[Batch, None, None]:
    """Answers a conversation with the agent's model and tools. Raises what the model raises.

    Ends with calls of the client's tools if the model calls them; what was found out so far is then kept for the
    client's return, and with it who goes on.
    """
    resumed = at_work(request.messages, ctx.turns.find)
    called = resumed or called_agent(request.messages, agent.commands)
    speaker = agent.team.get(called) if called else agent
    if speaker is not None and speaker is not agent:
        require_speaker(speaker, ctx)
    loop = _Loop(agent, speaker if isinstance(speaker, ModelAgent) else agent, request, ctx)
    return loop.run(resumed=bool(resumed))


class _Loop:
    """One conversation of one run: its messages, its limits, and the agent that is at work on it.

    The messages have no system prompt: that is the agent's own, and each model call gets it in front. What tools want
    of the next model call (``ctx.next_call``) is done before it. ``asked`` is the agent of the request, ``speaker`` the
    one that begins.
    """

    def __init__(self, asked: ModelAgent, speaker: ModelAgent, request: RunRequest, ctx: RunContext) -> None:
        self._ctx = ctx
        self._asked = asked
        self._request = request
        self._client_says, self._messages = opening(asked, readable(request.messages, ctx.turns.find, request.kept))
        self._client_says += speaker.policy.hooks.begin(speaker.name, ctx)
        self._start = len(self._messages)
        self._call_ids = set(call_ids(self._messages))
        self._output = None if "response_format" in request.params else last_of(asked).structured_output
        self._seat = take_seat(speaker, request, ctx, self._client_says, self._output)
        self._meter = Meter(speaker.limits, speaker.max_iterations)
        self._is_extra = False

    def run(self, *, resumed: bool) -> Generator[Batch, None, None]:
        """Ends with ``Done``, whatever the model does: a limit that is reached is said in one sentence.

        An answer in the asked agent's own format comes as a whole, or is an error. Where it always hands over, the
        format is that of who comes last.
        """
        if self._output is None:
            return self._batches(resumed=resumed)
        self._ctx.take_text = None  # nothing of it is shown before it is checked
        return held_back(self._batches(resumed=resumed), self._output.format, self._ctx.depth)

    def _batches(self, *, resumed: bool) -> Generator[Batch, None, None]:
        if self._seat.agent is not self._asked and not resumed:
            yield [AgentSwitched(self._asked.name, self._seat.agent.name, "handoff", self._ctx.depth)]
        if self._seat.unavailable:
            yield list(self._seat.unavailable)
        ended = False
        while not ended:
            if limit := self._meter.begin_model_call(self._ctx.budget, self._ctx.settings.max_model_calls):
                yield from _stopped(limit)
                return
            reply = ModelReply(refusals="response_format" in self._seat.params)
            yield from self._call_model(reply)
            calls = reply.calls(self._call_ids)
            if calls:
                ended = yield from self._act(reply.text, calls)
            elif self._seat.agent.force_handoff:
                self._pass_on(reply.text)
            elif not self._calls_again(reply):
                self._seat.agent.policy.hooks.stop(reply.text, self._seat.agent.name, self._ctx)
                yield [Done(_FINISH_REASONS.get(reply.finish_reason, "stop"))]
                return
            ended = ended or (yield from self._prepare(reply.text))

    def _call_model(self, reply: ModelReply) -> Iterator[Batch]:
        seat, ctx = self._seat, self._ctx
        take_text = reply.taker(ctx.take_text) if ctx.take_text and not self._is_extra else None
        messages = [*seat.system, *shortened(self._messages, seat.agent.limits)]
        request = ModelRequest(messages, seat.specs, seat.params, ctx.deadline, take_text)
        wanted = ctx.next_call
        model, wanted.model = wanted.model or wanted.picked or seat.agent.model, None
        seen = ModelCallSeen(model, request, seat.agent.name, ctx, reply)
        with seen:
            stream = model.stream(request)
            try:
                for batch in calls_only(stream) if self._is_extra else stream:
                    if visible := reply.take(batch, seat.agent.name, ctx.depth):
                        yield visible
            finally:
                stream.close()  # type: ignore[attr-defined]
        if seat.agent.limits.pots:
            used = reply.usage if reply.usage.prompt_tokens else estimated(messages, reply.text)
            self._meter.charge(ctx.budget, used)

    def _calls_again(self, reply: ModelReply) -> bool:
        """Whether an answer in text is followed by one more model call, which is so in tiny-agents' own loop alone."""
        if not self._seat.agent.exit_tools:
            return False
        wanted = self._ctx.settings.tiny_agents_loop and not self._is_extra
        follows_tools = self._meter.model_calls > 1 and is_of_tools(self._messages[-1])
        possible = reply.text and self._ctx.budget.model_calls > 0 and self._meter.model_calls <= MAX_TURNS
        if not (wanted and follows_tools and possible) or reply.finish_reason in _FINISH_REASONS:
            return False
        self._add({"role": "assistant", "content": reply.text})
        self._is_extra = True
        return True

    def _act(self, text: str, wanted: list[ToolCall]) -> Generator[Batch, None, bool]:
        """Does what the model wants: runs the server's tools, hands the client's out. True ends the run."""
        self._is_extra = False
        calls = until_exit(wanted, self._seat.exits)
        ends = len(calls) < len(wanted)
        clients = {call.id: theirs for call in calls if (theirs := handed_out(call, self._seat.tools))}
        own = [call for call in calls if call.id not in clients]
        if len(own) > self._ctx.budget.tool_calls:
            yield from _stopped(f"{self._ctx.settings.max_tool_calls} tool calls")
            return True
        self._ctx.budget.tool_calls -= len(own)
        if calls:
            self._add(assistant_message(text, [clients.get(call.id, call) for call in calls]))
            yield from self._run_calls(own)
        if clients:
            yield self._hand_out(list(clients.values()))
            return True
        if ends:
            yield [Done()]
        elif repeated := self._meter.repeated(calls):
            yield from _stopped(repeated)
        return ends or bool(repeated)

    def _run_calls(self, calls: list[ToolCall]) -> Iterator[Batch]:
        results = []
        for batch, completed in run_calls(calls, self._seat.tools, self._seat.agent.name, self._ctx, self._seat.gate):
            results += completed
            yield batch
        room = self._seat.agent.limits.max_tool_result_tokens
        self._add(*tool_messages(calls, results, room))

    def _add(self, *messages: Message) -> None:
        """Adds to the conversation, and to what is kept of it."""
        self._messages += messages
        if self._ctx.transcript is not None:
            self._ctx.transcript.add(messages)

    def _hand_out(self, calls: list[ToolCall]) -> Batch:
        """Ends the answer. What the client cannot send back is kept under the ids of the calls."""
        who = {"role": AT_WORK, "name": self._ctx.next_call.agent or self._seat.agent.name}
        self._ctx.turns.save([call.id for call in calls], [who, *self._messages[self._start :]])
        return [ClientToolCalls(calls), Done("tool_calls")]

    def _pass_on(self, text: str) -> None:
        """The answer is not the last word: after this agent the conversation always goes to another one."""
        agent = self._seat.agent
        agent.policy.hooks.stop(text, agent.name, self._ctx)
        if text:
            self._add({"role": "assistant", "content": text})
        self._add(forced_message(agent.name, agent.force_handoff))
        self._ctx.next_call.agent = agent.force_handoff

    def _prepare(self, said: str) -> Generator[Batch, None, bool]:
        """Does what tools want of the next model call, but for its model. True if that ended the run.

        ``said`` is the text of the last reply.
        """
        wanted, agent = self._ctx.next_call, self._seat.agent
        if wanted.answer:
            yield [wanted.answer]
            if not agent.force_handoff:
                yield [Done()]
                return True
            said, wanted.answer = wanted.answer, ""
            self._pass_on(said)
        if wanted.stop:
            yield [f"\n\nI stopped here: {wanted.stop}", Done()]
            return True
        if wanted.agent:
            newcomer, self._ctx.next_call = agent.team[wanted.agent], NextCall()
            require_speaker(newcomer, self._ctx)
            if said:
                yield ["\n\n"]  # two agents' texts in one answer are two paragraphs
            yield [AgentSwitched(agent.name, newcomer.name, "handoff", self._ctx.depth)]
            if not isinstance(newcomer, ModelAgent):
                yield from self._leave_to(newcomer)
                return True
            self._meter = Meter(newcomer.limits, newcomer.max_iterations)
            yield from self._sit(newcomer, ())
        elif wanted.refresh_tools:
            wanted.refresh_tools = False
            yield from self._sit(agent, self._seat.unavailable)
        return False

    def _leave_to(self, agent: Agent) -> Iterator[Batch]:
        """The rest of the answer by an agent that is more than a declaration: what it does is its own business."""
        request = replace(self._request, messages=list(self._messages))
        with (
            self._ctx.scope(),
            closing(as_batches(agent.run(request, self._ctx), self._ctx.record.add_usage)) as batches,
        ):
            yield from batches

    def _sit(self, agent: ModelAgent, known: Sequence[ToolsetUnavailable]) -> Iterator[Batch]:
        """From now on this agent is at work, with the tools that it has now."""
        self._seat = take_seat(agent, self._request, self._ctx, self._client_says, self._output)
        if lost := [event for event in self._seat.unavailable if event not in known]:
            yield list(lost)


def _stopped(limit: str) -> Iterator[Batch]:
    """A limit is no failure: the client gets what there is, and ``length`` says that it is not all."""
    yield [f"\n\nI stopped here: this run reached its limit of {limit}.", Done("length")]
