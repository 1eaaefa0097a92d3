"""A question to a model whose answer is wanted as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from ...models.base import Model
from ...models.base import ModelRequest


def answer_of(model: Model, prompt: str, deadline: float = float("inf")) -> str:
    """What a model answers to one message, in text. Raises ModelError."""
    request = ModelRequest([{"role": "user", "content": prompt}], deadline=deadline)
    return "".join(_texts(model, request)).strip()


def _texts(model: Model, request: ModelRequest) -> Iterator[str]:
    for batch in model.stream(request):
        yield from (event for event in batch if isinstance(event, str))
