"""Structured answers: held back until they are whole, and shown if they have the format that the request asked for."""

from __future__ import annotations

from collections.abc import Callable

from ..concurrency import offload
from ..context import RunContext
from ..errors import AgentAPIError
from ..errors import InvalidAnswer
from ..runtime.agent import Agent
from ..runtime.run import CancelReason
from ..runtime.run import Run
from ..types import Batch
from ..types import ClientToolCalls
from ..types import Done
from ..types import Error
from ..types import RefusalDelta
from ..types import RunRequest
from ..types import TextDelta
from ..types import ToolStarted
from .answer_format import AnswerFormat

MAX_ANSWER_CHARS = 4 * 1024 * 1024

_TOO_LONG = CancelReason(
    InvalidAnswer.code, f"The agent's answer is longer than {MAX_ANSWER_CHARS} characters.", InvalidAnswer.status
)


class StructuredRun(Run):
    """A run whose reader gets no text before the end, and then all of it, once it has been checked.

    What an agent says before it calls a tool is no part of the answer. An answer that does not end by itself (a limit
    was reached, a filter stepped in, the client is to run a tool) is not checked: its ``finish_reason`` tells. Nor is
    a refusal.
    """

    def __init__(self, agent: Agent, request: RunRequest, ctx: RunContext, format: AnswerFormat) -> None:
        super().__init__(agent, request, ctx)
        self._format = format
        self._text: list[str] = []
        self._length = 0
        self._refused = False

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

    def _held_back(self, batch: Batch) -> Batch:
        shown: Batch = []
        for event in batch:
            if isinstance(event, str):
                self._hold(event)
            elif isinstance(event, TextDelta) and event.depth == 0:
                self._hold(event.text)
            elif isinstance(event, RefusalDelta) and event.depth == 0:
                self._refused = True
                shown.append(event)
            elif isinstance(event, ClientToolCalls):
                shown += [*self._taken(), event]
            elif isinstance(event, Done):
                shown += self._answer(event)
            else:
                if isinstance(event, ToolStarted) and event.depth == 0:
                    self._forget()
                shown.append(event)
        return shown

    def _hold(self, text: str) -> None:
        self._text.append(text)
        self._length += len(text)
        if self._length > MAX_ANSWER_CHARS:
            self._forget()
            self.cancel(_TOO_LONG)

    def _forget(self) -> None:
        self._text.clear()
        self._length = 0

    def _taken(self) -> list[str]:
        text = "".join(self._text)
        self._forget()
        return [text] if text else []

    def _answer(self, done: Done) -> Batch:
        text = self._taken()
        if self._refused or done.finish_reason != "stop":
            return [*text, done]
        try:
            return [offload(self._format.read, "".join(text)), done]
        except AgentAPIError as exc:
            return [Error(exc)]
