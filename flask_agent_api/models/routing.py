"""A model that hands each request to the model whose examples are most like it."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

from ..types import text_of
from .base import Model
from .base import ModelEvent
from .base import ModelRequest
from .bm25 import BM25

_MAX_CHARS = 4_000
"""How much of a message is compared: its beginning says what it is about."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where requests like the examples go."""

    model: Model
    examples: tuple[str, ...]


class RoutedModel:
    """Compares the last user message with the examples of the ``routes``; the one with the best example answers.

    Without a word in common it is ``default``. Nothing is remembered: in the loop of model and tool calls the last
    user message stays the same, so that one turn stays with one model.
    """

    def __init__(self, default: Model, routes: Sequence[Route]) -> None:
        self.name = default.name
        self.members = (default, *(route.model for route in routes))
        self._default = default
        self._targets = [route.model for route in routes for _ in route.examples]
        self._examples = BM25([example for route in routes for example in route.examples])

    def stream(self, request: ModelRequest) -> Iterator[list[ModelEvent]]:
        """The answer of the model that the request is for."""
        return self.pick(request).stream(request)

    def pick(self, request: ModelRequest) -> Model:
        """The model that a request is for; of equals the first."""
        messages = (message for message in reversed(request.messages) if message.get("role") == "user")
        text = text_of(next(messages, {}).get("content"))
        scores = self._examples.scores(text[:_MAX_CHARS])
        best = max(scores, default=0.0)
        return self._targets[scores.index(best)] if best > 0 else self._default
