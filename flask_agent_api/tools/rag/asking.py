"""A question to a model whose answer is wanted as a whole."""

from __future__ import annotations

from contextlib import closing

from ...models.base import Finish
from ...models.base import Model
from ...models.base import ModelRequest
from ...models.called_by_tools import CalledByTool
from ...types import Usage


def answer_of(model: Model, prompt: str, deadline: float = float("inf")) -> str:
    """What a model answers to one message, in text. Raises ModelError."""
    request = ModelRequest([{"role": "user", "content": prompt}], deadline=deadline)
    with CalledByTool(model.name, request.messages) as call, closing(model.stream(request)) as stream:  # type: ignore[type-var]
        for event in (event for batch in stream for event in batch):
            if isinstance(event, str):
                call.text += event
            elif isinstance(event, Usage):
                call.usage += event
            elif isinstance(event, Finish):
                call.finish_reason = event.reason
    return call.text.strip()
