"""A run as one ``chat.completion`` object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import NO_RETRY
from ..settings import Settings
from ..types import Batch
from ..types import ClientToolCalls
from ..types import Done
from ..types import Error
from ..types import Event
from ..types import Message
from ..types import ReasoningDelta
from ..types import RefusalDelta
from ..types import TextDelta
from ..types import ToolStarted
from ..types import Usage
from .activity.modes import renderer_for
from .activity.pieces import Extension
from .activity.pieces import Piece
from .activity.pieces import Reasoning
from .activity.pieces import Text
from .chunks import usage_object
from .handed_out import handed_out

_CALLS = {"tool_calls", "function_call"}


def completion(batches: Iterable[Batch], id: str, created: int, model: str, settings: Settings) -> dict[str, Any]:
    """Collects a run to its end. Raises the error that it ended with.

    ``usage`` is left out when the agent reported none. A client is told not to repeat a request that failed after
    tools have run.
    """
    answer = _Answer(settings)
    for batch in batches:
        for event in batch:
            answer.take(event)
    body: dict[str, Any] = {"id": id, "object": "chat.completion", "created": created, "model": model}
    body["choices"] = [answer.choice()]
    if answer.usage is not None:
        body["usage"] = usage_object(answer.usage)
    return body | answer.extensions


class _Answer:
    """An answer while it is collected."""

    def __init__(self, settings: Settings) -> None:
        self._renderer = renderer_for(settings)
        self._show_reasoning = settings.show_reasoning
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._message: Message = {}
        self._finish_reason = "stop"
        self._tools_ran = False
        self.usage: Usage | None = None
        self.extensions: dict[str, list[Any]] = {}

    def take(self, event: str | Event) -> None:
        """Adds what an event has for the answer. Raises the error that it may be."""
        if isinstance(event, str):
            self._text.append(event)
        elif isinstance(event, TextDelta):
            self._text.append(event.text if event.depth == 0 else "")
        elif isinstance(event, ReasoningDelta):
            self._reasoning.append(event.text if self._show_reasoning and event.depth == 0 else "")
        elif isinstance(event, RefusalDelta):
            self._refusal.append(event.text if event.depth == 0 else "")
        elif isinstance(event, Usage):
            self.usage = event if self.usage is None else self.usage + event
        elif isinstance(event, Done):
            self._finish_reason = event.finish_reason
            self._show(self._renderer.end())
        elif isinstance(event, Error):
            if self._tools_ran:
                event.error.headers.update(NO_RETRY)
            raise event.error
        elif isinstance(event, ClientToolCalls):
            self._show(handed_out(event))
        else:
            self._tools_ran = self._tools_ran or isinstance(event, ToolStarted)
            self._show(self._renderer.pieces(event))

    def _show(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if isinstance(piece, Text):
                self._text.append(piece.text)
            elif isinstance(piece, Reasoning):
                self._reasoning.append(piece.text)
            elif isinstance(piece, Extension):
                if piece.listed:
                    self.extensions.setdefault(piece.listed, []).append(piece.value)
            else:
                self._merge(piece.message)

    def _merge(self, message: Message) -> None:
        for key, value in message.items():
            known = self._message.get(key)
            self._message[key] = known + value if isinstance(known, list) else value

    def choice(self) -> dict[str, Any]:
        """The one choice."""
        text = "".join(self._text)
        refusal = "".join(self._refusal) or None
        content = None if not text and (refusal or self._finish_reason in _CALLS) else text
        message = {"role": "assistant", "content": content, "refusal": refusal, **self._message}
        if reasoning := "".join(self._reasoning):
            message["reasoning_content"] = reasoning
        return {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish_reason}
