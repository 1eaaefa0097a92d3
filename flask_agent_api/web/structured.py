"""Runs whose answers have the format that the request asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..context import RunContext
from ..errors import InvalidAnswer
from ..runtime.agent import Agent
from ..runtime.agent import ModelAgent
from ..runtime.cancel_reason import CancelReason
from ..runtime.handoff import last_of
from ..runtime.held_back import HeldBack
from ..runtime.held_back import TOO_LONG
from ..runtime.run import Run
from ..runtime.turn import ConversationTurn
from ..structured.answer_format import AnswerFormat
from ..types import Batch
from ..types import Error
from ..types import RunRequest

_TOO_LONG = CancelReason(InvalidAnswer.code, TOO_LONG, InvalidAnswer.status)


class StructuredRun(Run):
    """A run whose reader gets no text before the end, and then all of it, once it has been checked."""

    def __init__(
        self,
        agent: Agent,
        request: RunRequest,
        ctx: RunContext,
        format: AnswerFormat,
        turn: ConversationTurn | None = None,
    ) -> None:
        super().__init__(agent, request, ctx, turn)
        self._held = HeldBack(format)
        self._kept_back = HeldBack(format)
        if turn is not None:
            self._put = self._checked(self._put)

    def next(self, timeout: float) -> Batch | None:
        """The next batch without its text, so it may be empty."""
        batch = super().next(timeout)
        return batch if batch is None else self._held_back(batch)

    def ready(self) -> Batch | None:
        """The next batch without its text, if it is there already."""
        batch = super().ready()
        return batch if batch is None else self._held_back(batch)

    def give_to(self, taker: Callable[[Batch], bool]) -> None:
        """Nothing is given: all batches go through :meth:`next`."""

    def _checked(self, put: Callable[[Batch], None]) -> Callable[[Batch], None]:
        """What is kept of a conversation has to be as good as what the reader gets, and it is kept before that."""
        take = self._kept_back.take

        def checked(batch: Batch) -> None:
            take(batch)
            put(batch)

        return checked

    def _approve(self, last: Batch) -> None:
        end = self._kept_back.take(last)[-1]
        if isinstance(end, Error):
            raise end.error

    def _held_back(self, batch: Batch) -> Batch:
        try:
            return self._held.take(batch)
        except InvalidAnswer:
            self.cancel(_TOO_LONG)
            return []


def own_format(agent: Agent) -> dict[str, Any]:
    """The ``response_format`` that an agent has where the request names none."""
    output = last_of(agent).structured_output if isinstance(agent, ModelAgent) else None
    return {"response_format": output.response_format} if output else {}
