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

    __slots__ = ("_batches", "_model", "_parser", "_reader", "_take_text", "done", "over", "shown")

    def __init__(self, model: str, take_text: Callable[[TextBatch], bool] | None, cost: Cost | None = None) -> None:
        self._model = model
        self._take_text = take_text
        self._parser = EventParser()
        self._reader = ChunkReader(model, cost)
        self._batches: list[list[ModelEvent]] = []
        self.shown = False
        """Whether somebody has got something of it."""
        self.done = False
        """Whether the provider has said that this is all."""
        self.over = False
        """Whether there is nothing more to read."""

    def take(self, body: bytes) -> bool:
        """Reads a piece of the body; false if there is something to do: batches, or an end."""
        template = self._reader.template
        like_it = template.before and body.startswith(template.before) and not self._parser.pending
        if like_it and (text := template.only(body)):
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
        self.done = self._reader.done
        self.over = self.done or self._reader.failure is not None
        return not batches and not self.over

    def batches(self) -> list[list[ModelEvent]]:
        """What has come since the last time; the usage comes with the end."""
        batches, self._batches = self._batches, []
        return self._to_show(batches, ended=self.done)

    def end(self) -> list[list[ModelEvent]]:
        """What the end of the body tells, where the provider did not say that it is the end."""
        return [] if self.over else self._to_show(self._reader.read(self._parser.close()), ended=True)

    def whole(self, body: bytes) -> list[list[ModelEvent]]:
        """An answer that is not a stream, although one was asked for."""
        return self._to_show([self._reader.read_completion(body)], ended=True)

    def _to_show(self, batches: list[list[ModelEvent]], *, ended: bool) -> list[list[ModelEvent]]:
        usage = self._reader.usage() if ended else None
        if usage is not None and batches and type(batches[-1]) is not TextBatch:
            batches[-1].append(usage)
        elif usage is not None:
            batches.append([usage])
        self.shown = self.shown or bool(batches)
        return batches

    def check(self) -> None:
        """Raises :class:`~flask_agent_api.models.failures.CallFailed` if the answer is not a complete one."""
        if self._reader.failure:
            raise self._reader.failure
        if not self._reader.finished:
            raise truncated(self._reader.begun)
