"""A run: one agent answering one request, in a task of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator

from ..concurrency import Cancelled
from ..concurrency import FAILURES
from ..concurrency import spawn
from ..concurrency import Task
from ..context import RunContext
from ..errors import AgentAPIError
from ..errors import InternalError
from ..errors import NO_RETRY
from ..errors import untraced
from ..records import RunRecord
from ..reused_greenlets import spawn_reused
from ..signals import run_started
from ..signals import send_run
from ..slot import Closed
from ..slot import Slot
from ..types import Batch
from ..types import ClientToolCalls
from ..types import Done
from ..types import Error
from ..types import RunRequest
from .agent import Agent
from .agent import ModelAgent
from .batches import as_batches
from .cancel_reason import CancelReason
from .cancel_reason import CLIENT_GONE
from .cancel_reason import DEADLINE
from .run_seen import tell_end
from .run_seen import until_text
from .turn import ConversationTurn

logger = logging.getLogger("flask_agent_api.run")

SLOT_SIZE = 4
"""Batches that may wait for the reader; a full slot holds the model's stream up."""


class RunCancelled(Cancelled):
    """Raised in a run's task, once, by :meth:`Run.cancel`."""


class Run:
    """One answer of an agent. Start it, then take its batches until the last one, which has ``Done`` or ``Error``."""

    def __init__(
        self, agent: Agent, request: RunRequest, ctx: RunContext, turn: ConversationTurn | None = None
    ) -> None:
        self.ctx = ctx
        self._turn = turn
        self._agent = agent
        self._request = request
        self._slot: Slot[Batch] = Slot(SLOT_SIZE)
        self._reason: CancelReason | None = None
        self._task: Task | None = None
        self._commits = False
        self._begun = False
        self._put = self._slot.put if ctx.transcript is None else ctx.transcript.hearing(self._slot.put)
        ctx.emit = self._emit
        _name(ctx.record, agent, ctx)
        if isinstance(agent, ModelAgent):  # whose text goes to the client as it is
            ctx.take_text = (
                self._slot.offer if ctx.transcript is None else ctx.transcript.hearing_taken(self._slot.offer)
            )

    def start(self) -> Run:
        """Starts the task that runs the agent, unless the run was cancelled before.

        Raises :class:`AgentAPIError` if the conversation that the run is for cannot go on; nothing is started then.
        """
        if self._turn is not None:
            self._request = self._turn.begin(self._request, self.cancel)
        if self._reason is None:
            self._begun = self.ctx.record.begun = True
            self._put = until_text(self._put, self.ctx.record, self._put_with)
            send_run(run_started, self.ctx.record)
            # A declared agent runs no code of the app itself; its tools have tasks of their own.
            self._task = (spawn_reused if isinstance(self._agent, ModelAgent) else spawn)(self._work)
        elif self._turn is not None:
            self._turn.end()
        return self

    def cancel(self, reason: CancelReason) -> None:
        """Ends the run; the only way to do so early. The first reason wins, and a run that has ended stays as it is.

        The reader gets the error at once. The task's cleanup goes on by itself, and no second cancel disturbs it. What
        is being kept already is an answer: it can no longer be taken back.
        """
        if not self._commits and not self._slot.closed and self._slot.close([Error(self._ended_by(reason))]):
            self._reason = reason
            if self._task is not None:
                self._task.cancel(RunCancelled(reason.name))

    @property
    def failed(self) -> bool:
        """Whether it has ended, and with an error."""
        last = self._slot.last
        return last is not None and type(last[-1]) is Error

    @property
    def has_acted(self) -> bool:
        """Whether it may have had effects: tools were called, or the agent is one in Python, of which nobody knows."""
        if not isinstance(self._agent, ModelAgent):
            return self._begun
        return self.ctx.budget.tool_calls < self.ctx.settings.max_tool_calls

    @property
    def was_left(self) -> bool:
        """Whether it was ended because nobody waited for it any more, or for too long, when it may have had effects."""
        return (self._reason is CLIENT_GONE or self._reason is DEADLINE) and self.has_acted

    def _ended_by(self, reason: CancelReason) -> AgentAPIError:
        """Whether a client may try again by itself: of agents in Python nobody knows what they have done so far."""
        error = reason.error()
        if self._task is not None and not isinstance(self._agent, ModelAgent):
            error.headers.update(NO_RETRY)
        return error

    def next(self, timeout: float) -> Batch | None:
        """The next batch, or None after ``timeout`` seconds without one. Raises :class:`Closed` after the last.

        A run that is past its deadline is cancelled here: a run without a reader stands still anyway.
        """
        remaining = self.ctx.remaining
        if not remaining:
            self.cancel(DEADLINE)
        return self._slot.get(timeout, remaining if not self._commits else timeout)

    def ready(self) -> Batch | None:
        """The next batch if it is there already."""
        return self._slot.ready()

    def give_to(self, taker: Callable[[Batch], bool]) -> None:
        """Offers batches to ``taker`` while the reader waits in :meth:`next` with none left.

        It is called in the run's own task, or by the loop itself, so it must not wait.

        What it takes (returns true for) does not wake the reader. Only under gevent; the last batch is never offered.
        """
        seen = self.ctx.record.first_text is not None
        self._slot.taker = taker if seen else until_text(taker, self.ctx.record, self._take_with)

    def wake(self) -> None:
        """Makes a waiting :meth:`next` return None."""
        self._slot.wake()

    def batches(self) -> Iterator[Batch]:
        """All batches to the last."""
        while True:
            try:
                batch = self.next(60.0)
            except Closed:
                return
            if batch is not None:
                yield batch

    def join(self, timeout: float) -> bool:
        """Waits for the task to end, its cleanup included; false if ``timeout`` seconds were not enough."""
        return self._task is None or self._task.join(timeout)

    def _emit(self, batch: Batch) -> None:
        """What tools send: anything but the end of the run, which is the agent's to say."""
        events: Batch = [event for event in batch if not isinstance(event, Done | Error | ClientToolCalls)]
        if events:
            self._put(events)

    def _work(self) -> None:
        last: Batch | None = None
        try:
            if isinstance(self._agent, ModelAgent):
                last = self._drive()
            else:
                with self.ctx.scope():
                    last = self._drive()
            last = self._kept(last)
        except AgentAPIError as exc:
            last = [Error(untraced(exc))]
        except FAILURES:
            last = None
            logger.exception("run %s: agent %s failed", self.ctx.run_id, self._agent.name)
        finally:
            if self._turn is not None:
                self._turn.end()
            last = last or [Error(InternalError(headers=NO_RETRY))]
            self._slot.close(last)
            tell_end(self.ctx.record, self._slot.last or last, self._reason.name if self._reason else "")
            # Nobody refers in circles to what is over: its memory is free at once, without the garbage collector.
            # The slot is closed, so it stops whoever still emits.
            self.ctx.emit = self._slot.put
            self._put = self._slot.put
            self.ctx.take_text = None
            self._task = None

    def _drive(self) -> Batch:
        """Passes the agent's batches on, but for the last one, which is the task's to deliver when all is done."""
        batches = None
        try:
            batches = self._batches()
            for batch in batches:
                if type(batch[-1]) is Done or type(batch[-1]) is Error:
                    self._shield()
                    return batch
                self._put(batch)
            return [Done()]
        finally:
            try:
                if batches is not None:
                    batches.close()
            finally:
                self._shield()
                self._clean_up()

    def _batches(self) -> Generator[Batch, None, None]:
        """What the agent yields. What a declared agent yields is in order: nobody need look at it twice."""
        if isinstance(self._agent, ModelAgent):
            return self._agent.run(self._request, self.ctx)
        return as_batches(self._agent.run(self._request, self.ctx), self.ctx.record.add_usage)

    def _kept(self, last: Batch) -> Batch:
        """The last batch, when what it ends is kept. Raises what makes an answer none."""
        if self._turn is None or self._slot.closed or self.ctx.transcript is None or type(last[-1]) is Error:
            return last
        self._commits = True
        self.ctx.transcript.hear(last)
        self._approve(last)
        self._turn.commit()
        return last

    def _approve(self, last: Batch) -> None:
        """Raises :class:`AgentAPIError` if the reader would not take the answer that ends with this batch."""

    def _clean_up(self) -> None:
        """Does what tools left for the end of the run. Before the client learns of it, so that an end is one."""
        try:
            self.ctx.on_end.close()
        except Cancelled:
            return  # one of them had something to say, and nobody reads it any more
        except FAILURES:
            logger.exception("run %s: what was left for its end failed", self.ctx.run_id)

    def _shield(self) -> None:
        """The agent is done: a cancel from now on leaves the cleanup alone."""
        if self._task is not None:
            self._task.shield()

    def _put_with(self, put: Callable[[Batch], None]) -> None:
        self._put = put

    def _take_with(self, taker: Callable[[Batch], bool]) -> None:
        self._slot.taker = taker


def _name(record: RunRecord, agent: Agent, ctx: RunContext) -> None:
    """Whose run it is; the request may have given the agent a longer name."""
    record.id, record.principal, record.task = ctx.run_id, ctx.principal.id, ctx.task
    record.agent = record.agent or agent.name
