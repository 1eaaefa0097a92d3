"""Mode ``openwebui``: status lines above the answer, which Open WebUI takes from the extension key ``event``."""

from __future__ import annotations

from ...types import Event
from ...types import ToolFinished
from ...types import ToolStarted
from .pieces import Extension
from .pieces import Piece
from .renderer import Renderer
from .sentences import sentence


class OpenWebUIRenderer(Renderer):
    """Shows every activity as a status, with ``preview`` characters of arguments and results.

    A status that is not done shimmers: one is done when no call runs any more, so that the last one is.
    """

    def __init__(self, preview: int) -> None:
        super().__init__(preview)
        self._running = 0
        self._last = ""

    def pieces(self, event: Event) -> list[Piece]:
        """A status, or nothing."""
        if not (line := sentence(event, self._preview)):
            return []
        if isinstance(event, ToolStarted):
            self._running += 1
        elif isinstance(event, ToolFinished):
            self._running = max(0, self._running - 1)
        self._last = line
        return [_status(line, done=not self._running)]

    def end(self) -> list[Piece]:
        """The last status again, if a call that it waits for has never ended."""
        return [_status(self._last, done=True)] if self._running else []


def _status(description: str, *, done: bool) -> Extension:
    return Extension("event", {"type": "status", "data": {"description": description, "done": done}})
