"""One answer of a provider while its body comes in: from bytes to batches."""

from __future__ import annotations

from collections.abc import Callable

from ..types import TextBatch
from .base import ModelEvent
from .chunks import ChunkReader
from .config import Cost
from .failures import bad_answer
from .failures import truncated
from .sse import EventParser
from .sse import EventTooLarge


class Answer:
    """Takes pieces of the body. What it cannot hand on at once waits in :meth:`batches`.

    ``take_text`` is asked for batches of text alone: see :class:`~flask_agent_api.models.base.ModelRequest`.
    """

    __slots__ = ("_batches", "_model", "_parser", "_reader", "_take_text", "shown")

    def __init__(self, model: str, take_text: Callable[[TextBatch], bool] | None, cost: Cost | None = None) -> None:
        self._model = model
        self._take_text = take_text
        self._parser = EventParser()
        self._reader = ChunkReader(model, cost)
        self._batches: list[list[ModelEvent]] = []
        self.shown = False
        """Whether somebody has got something of it."""

    def take(self, body: bytes) -> bool:
        """Reads a piece of the body; false if there is something to do: batches, or an end."""
        if not self._parser.pending and (text := self._reader.template.only(body)):
            batches: list[list[ModelEvent]] = [TextBatch((text,))]
        else:
            try:
                batches = self._reader.read(self._parser.feed(body))
            except EventTooLarge as exc:
                raise bad_answer(self._model, str(exc)) from exc
        take_text = self._take_text
        if len(batches) == 1 and take_text is not None:
            batch = batches[0]
            if type(batch) is TextBatch and take_text(batch):
                self.shown = True
                batches = []
        self._batches = batches
        return not batches and not self._reader.done and self._reader.failure is None

    def batches(self) -> list[list[ModelEvent]]:
        """What has come since the last time; the usage comes with the end."""
        batches, self._batches = self._batches, []
        if self.done:
            batches.append(self._reader.usage())
        return self._to_show(batches)

    def end(self) -> list[list[ModelEvent]]:
        """What the end of the body tells, where the provider did not say that it is the end."""
        if self.over:
            return []
        return self._to_show([*self._reader.read(self._parser.close()), self._reader.usage()])

    def whole(self, body: bytes) -> list[list[ModelEvent]]:
        """An answer that is not a stream, although one was asked for."""
        return self._to_show([self._reader.read_completion(body) + self._reader.usage()])

    def _to_show(self, batches: list[list[ModelEvent]]) -> list[list[ModelEvent]]:
        shown = [batch for batch in batches if batch]
        self.shown = self.shown or bool(shown)
        return shown

    @property
    def done(self) -> bool:
        """Whether the provider has said that this is all."""
        return self._reader.done

    @property
    def over(self) -> bool:
        """Whether there is nothing more to read."""
        return self._reader.over

    def check(self) -> None:
        """Raises :class:`~flask_agent_api.models.failures.CallFailed` if the answer is not a complete one."""
        if self._reader.failure:
            raise self._reader.failure
        if not self._reader.finished:
            raise truncated(self._reader.begun)
