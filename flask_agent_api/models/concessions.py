"""What is done without once a provider objected to it, instead of failing: nothing that the client has asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .base import ModelRequest
from .failures import logger

_USAGE = "usage"
_THINKING_WITH_TOOLS = "thinking with tools"
_THINKING = "thinking"


class Concessions:
    """What one model's provider has objected to so far, in this process."""

    def __init__(self, model: str) -> None:
        self._model = model
        self.made: frozenset[str] = frozenset()

    def apply(self, body: dict[str, Any], request: ModelRequest) -> None:
        """Takes out of a request what was objected to."""
        if _USAGE in self.made:
            body.pop("stream_options", None)
        if "reasoning_effort" in request.params:
            return
        if _THINKING in self.made:
            body.pop("reasoning_effort", None)
        elif _THINKING_WITH_TOOLS in self.made and request.tools:
            body["reasoning_effort"] = "none"

    def objected(self, said: str, request: ModelRequest, before: frozenset[str]) -> bool:
        """Whether what the provider said asks for one that was not made ``before``; it is made from now on."""
        wanted = next((each for each in _named(said, request) if each not in before), None)
        if wanted is None:
            return False
        if wanted not in self.made:
            self.made |= {wanted}
            logger.warning("model %s: its provider objected, from now on it is asked without %s", self._model, wanted)
        return True


def _named(said: str, request: ModelRequest) -> Iterator[str]:
    """What an objection may be about. OpenAI's newer models do not think where there are tools, in this API."""
    if "stream_options" in said:
        yield _USAGE
    if "reasoning_effort" in said and "reasoning_effort" not in request.params:
        if request.tools:
            yield _THINKING_WITH_TOOLS
        yield _THINKING
