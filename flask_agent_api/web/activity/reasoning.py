"""Mode ``reasoning``: activity as lines of ``reasoning_content``, which chat clients show as thinking."""

from __future__ import annotations

from ...types import Event
from .pieces import Piece
from .pieces import Reasoning
from .renderer import Renderer
from .sentences import sentence


class ReasoningRenderer(Renderer):
    """Shows every activity as a line, with ``preview`` characters of arguments and results."""

    def pieces(self, event: Event) -> list[Piece]:
        """A paragraph of its own, whatever the model has thought before."""
        line = sentence(event, self._preview)
        return [Reasoning(f"\n{line}\n")] if line else []
