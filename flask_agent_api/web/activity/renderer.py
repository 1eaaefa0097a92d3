"""What a renderer is."""

from __future__ import annotations

from ...types import Event
from .pieces import Piece


class Renderer:
    """How one answer shows activity. It may keep state: every answer has a renderer of its own.

    Text and reasoning of the agent do not come here: they are the answer, not activity. This one shows nothing, which
    is the mode ``none``. ``preview`` is how many characters of a call's arguments and result others show.
    ``calls`` counts the calls that were shown as ``tool_calls``; those of the client's own tools are numbered on.
    """

    calls = 0

    def __init__(self, preview: int) -> None:
        self._preview = preview

    def pieces(self, event: Event) -> list[Piece]:
        """What the client gets of an event, in order; often nothing."""
        return []

    def end(self) -> list[Piece]:
        """What is still to be shown when the answer is complete, before its last chunk."""
        return []
