"""Mode ``details``: a card in the content for every tool call that has ended, as Open WebUI draws and keeps them.

Open WebUI's own form: a block that starts a line, with values as JSON text, escaped for HTML. Other clients that show
Markdown with HTML fold it; those that do not show it as text.
"""

from __future__ import annotations

import re
from html import escape

from ...json_text import json_string
from ...json_text import well_formed
from ...types import Event
from ...types import ToolFinished
from .pieces import Piece
from .pieces import Text
from .renderer import Renderer

_HEAD = '<details type="tool_calls" done="true"'
_TAIL = ">\n<summary>Tool Executed</summary>\n</details>"
_CARD = re.compile(
    rf'\n{{0,2}}{_HEAD} id="[^"<>]*" name="[^"<>]*" arguments="[^"<>]*" result="[^"<>]*"{_TAIL}\n{{0,2}}'
)


class DetailsRenderer(Renderer):
    """Shows tool calls, with ``preview`` characters of arguments and results; with 0 the card is empty."""

    def pieces(self, event: Event) -> list[Piece]:
        """A card for a call that has ended."""
        return [Text(self._card(event))] if isinstance(event, ToolFinished) else []

    def _card(self, event: ToolFinished) -> str:
        call = event.call
        names = f'id="{_name(call.id)}" name="{_name(call.name)}"'
        values = f'arguments="{self._value(call.arguments)}" result="{self._value(event.result.content)}"'
        return f"\n\n{_HEAD} {names} {values}{_TAIL}\n\n"

    def _value(self, text: str) -> str:
        """JSON keeps newlines, which would end the card, out of the attribute."""
        return escape(json_string(text[: self._preview])) if self._preview else ""


def without_cards(text: str) -> str:
    """``text`` as it was before :class:`DetailsRenderer` put its cards in. Linear in the text's length."""
    return _CARD.sub("", text) if _HEAD in text else text


def _name(text: str) -> str:
    return escape(" ".join(well_formed(text).split()))
