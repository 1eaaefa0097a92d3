"""One reply of a model, collected while it streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..models.base import Finish
from ..models.base import ModelEvent
from ..models.base import ToolCallDelta
from ..types import Batch
from ..types import is_text
from ..types import Message
from ..types import NO_USAGE
from ..types import ReasoningDelta
from ..types import RefusalDelta
from ..types import TextBatch
from ..types import ToolCall
from ..types import Usage

MOST_ARGUMENTS = 1_000_000
"""Characters of the arguments of all calls of one reply: more would be too much for the next model call as well."""

TOO_LONG = '{"left_out": "too long"}'
"""In the place of such arguments, since every provider takes back an object. No tool is called with it."""


class ModelReply:
    """Text and tool calls of one model call. A refusal is text, unless ``refusals`` says that it is to stand apart."""

    __slots__ = ("_calls", "_extras", "_refusals", "_room", "_text", "finish_reason", "usage")

    def __init__(self, refusals: bool = False) -> None:
        self._refusals = refusals
        self._text: list[str] = []
        self._calls: dict[int, list[str]] = {}  # id, name, and pieces of the arguments
        self._room = MOST_ARGUMENTS
        self._extras: dict[int, dict[str, Any]] = {}
        self.finish_reason = "stop"
        self.usage = NO_USAGE

    def take(self, batch: list[ModelEvent], agent: str, depth: int) -> Batch:
        """Collects a batch of the model and returns what of it others may see."""
        if type(batch) is TextBatch or is_text(batch):
            self._text += batch  # type: ignore[arg-type]
            return batch  # type: ignore[return-value]
        visible: Batch = []
        for event in batch:
            if type(event) is str:
                self._text.append(event)
                visible.append(event)
            elif isinstance(event, ReasoningDelta):
                visible.append(ReasoningDelta(event.text, agent, depth))
            elif isinstance(event, RefusalDelta):
                self._text.append(event.text)
                visible.append(RefusalDelta(event.text, agent, depth) if self._refusals else event.text)
            elif isinstance(event, ToolCallDelta):
                self._collect(event)
            elif isinstance(event, Usage):
                self.usage += event
                visible.append(event)
            elif isinstance(event, Finish):
                self.finish_reason = event.reason
        return visible

    def taker(self, take_text: Callable[[TextBatch], bool]) -> Callable[[TextBatch], bool]:
        """``take_text`` that collects as well."""
        text = self._text

        def take(batch: TextBatch) -> bool:
            if not take_text(batch):
                return False
            text.extend(batch)
            return True

        return take

    def _collect(self, delta: ToolCallDelta) -> None:
        """Later pieces of a call often leave out its id and name, some servers send them empty."""
        call = self._calls.setdefault(delta.index, ["", ""])
        call[0] = call[0] or delta.id
        call[1] = call[1] or delta.name
        self._room -= len(delta.arguments)
        if self._room >= 0:
            call.append(delta.arguments)
        else:
            call[2:] = [TOO_LONG]
        if delta.extra:
            self._extras.setdefault(delta.index, {}).update(delta.extra)

    @property
    def text(self) -> str:
        """The answer's text so far."""
        return "".join(self._text)

    def calls(self, taken: set[str]) -> list[ToolCall]:
        """The tool calls in their order; an id that is missing or in ``taken`` is replaced. Adds to ``taken``."""
        calls = []
        for index in sorted(self._calls):
            id, name, *pieces = self._calls[index]
            number = len(taken)
            while not id or id in taken:
                number += 1
                id = f"call_{number:04d}"
            taken.add(id)
            calls.append(ToolCall(id, name, "".join(pieces), self._extras.get(index, {})))
        return calls


def assistant_message(text: str, calls: list[ToolCall]) -> Message:
    """A reply with tool calls, as the next model call must see it."""
    return {
        "role": "assistant",
        "content": text or None,
        "tool_calls": [
            {**c.extra, "id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments or "{}"}}
            for c in calls
        ],
    }
