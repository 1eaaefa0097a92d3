"""Answers in a format: held back until they are whole, and shown if they are what was asked for."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from ..concurrency import offload
from ..errors import AgentAPIError
from ..errors import InvalidAnswer
from ..structured.answer_format import AnswerFormat
from ..types import AgentSwitched
from ..types import Batch
from ..types import ClientToolCalls
from ..types import Done
from ..types import Error
from ..types import Event
from ..types import RefusalDelta
from ..types import TextDelta
from ..types import ToolStarted

MAX_ANSWER_CHARS = 4 * 1024 * 1024
TOO_LONG = f"The agent's answer is longer than {MAX_ANSWER_CHARS} characters."


class HeldBack:
    """Takes the batches of an agent at ``depth`` and gives them back without its text, but for the whole of it last.

    What an agent says before it calls a tool or hands over is no part of the answer. An answer that does not end by
    itself (a limit was reached, a filter stepped in, the client is to run a tool) is not checked: its
    ``finish_reason`` tells. Nor is a refusal.
    """

    def __init__(self, format: AnswerFormat, depth: int = 0) -> None:
        self._format = format
        self._depth = depth
        self._text: list[str] = []
        self._length = 0
        self._refused = False

    def take(self, batch: Batch) -> Batch:
        """What of a batch may be shown now. Raises :class:`InvalidAnswer` if the text becomes too long."""
        shown: Batch = []
        for event in batch:
            if isinstance(event, str):
                self._hold(event)
            elif isinstance(event, TextDelta) and event.depth == self._depth:
                self._hold(event.text)
            elif isinstance(event, RefusalDelta) and event.depth == self._depth:
                self._refused = True
                shown.append(event)
            elif isinstance(event, ClientToolCalls):
                shown += [*self._taken(), event]
            elif isinstance(event, Done):
                shown += self._answer(event)
            else:
                if self._begins_anew(event):
                    self._forget()
                shown.append(event)
        return shown

    def _begins_anew(self, event: Event) -> bool:
        if isinstance(event, AgentSwitched) and event.kind != "handoff":
            return False
        return isinstance(event, AgentSwitched | ToolStarted) and event.depth == self._depth

    def _hold(self, text: str) -> None:
        self._text.append(text)
        self._length += len(text)
        if self._length > MAX_ANSWER_CHARS:
            self._forget()
            raise InvalidAnswer(TOO_LONG)

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


def held_back(batches: Generator[Batch, None, None], format: AnswerFormat, depth: int) -> Generator[Batch, None, None]:
    """The batches of an agent whose answers have a format. Raises :class:`InvalidAnswer` as soon as one is too long."""
    held = HeldBack(format, depth)
    with closing(batches):
        for batch in batches:
            if shown := held.take(batch):
                yield shown
