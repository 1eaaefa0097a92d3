"""What a renderer is."""

from __future__ import annotations

from typing import Protocol

from ...types import Event
from .pieces import Piece


class Renderer(Protocol):
    """How one answer shows activity. It may keep state: every answer has a renderer of its own.

    Text and reasoning of the agent do not come here: they are the answer, not activity.
    """

    def pieces(self, event: Event) -> list[Piece]:
        """What the client gets of an event, in order; often nothing."""
        ...

    def end(self) -> list[Piece]:
        """What is still to be shown when the answer is complete, before its last chunk."""
        ...
