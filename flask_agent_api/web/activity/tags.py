"""Mode ``tags``: the result of every tool call in ``<tool_call_info>`` in the content, as tiny-agents wrote it."""

from __future__ import annotations

from ...types import Event
from ...types import ToolFinished
from .pieces import Piece
from .pieces import Text
from .renderer import Renderer

_OPEN = "<tool_call_info>"
_CLOSE = "</tool_call_info>"


class TagsRenderer(Renderer):
    """Shows tool calls, with ``preview`` characters of the result."""

    def pieces(self, event: Event) -> list[Piece]:
        """A tag for a call that has ended."""
        if not isinstance(event, ToolFinished):
            return []
        return [Text(_OPEN + _untagged(tool_call_info(event, self._preview)) + _CLOSE)]


def tool_call_info(event: ToolFinished, preview: int) -> str:
    """What tiny-agents says about a call that has ended: ``Tool[name] id``, and the result on the next lines."""
    name, id = (" ".join(text.split()) for text in (event.call.name, event.call.id))
    return f"Tool[{name}] {id}\n{event.result.content[:preview]}"


def without_tags(text: str) -> str:
    """``text`` as it was before :class:`TagsRenderer` put its tags in. Linear in the text's length."""
    kept = []
    at = 0
    while (close := text.find(_CLOSE, at)) >= 0:
        end = close + len(_CLOSE)
        start = text.rfind(_OPEN, at, close)
        ours = start >= 0 and _is_info(text[start + len(_OPEN) : close])
        kept.append(text[at : start if ours else end])
        at = end
    return "".join(kept) + text[at:]


def _untagged(text: str) -> str:
    """A result that has the tags itself must neither end its tag nor begin another."""
    return text.replace("tool_call_info>", "tool_call_info&gt;")


def _is_info(text: str) -> bool:
    first, newline, _ = text.partition("\n")
    return bool(newline) and first.startswith("Tool[") and "] " in first
