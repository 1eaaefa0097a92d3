"""A model that answers from a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from typing import TypeAlias

from ..models.base import Finish
from ..models.base import ModelEvent
from ..models.base import ModelRequest
from ..models.base import ToolCallDelta

Item: TypeAlias = ModelEvent | Exception | threading.Event
Reply: TypeAlias = str | Exception | Sequence[Item] | Callable[[ModelRequest], "Reply"]


def tool_call(name: str, /, **arguments: Any) -> ToolCallDelta:
    """A whole tool call. Its ``index`` is 0 and its id empty, until :func:`model_reply` numbers it."""
    return ToolCallDelta(0, "", name, json.dumps(arguments))


def model_reply(*items: Item) -> list[Item]:
    """A reply whose tool calls are numbered and which ends with the fitting Finish, if it has none."""
    calls = 0
    reply: list[Item] = []
    for item in items:
        if isinstance(item, ToolCallDelta) and item.name:
            item = replace(item, index=calls)
            calls += 1
        reply.append(item)
    if not any(isinstance(item, Finish | Exception) for item in reply):
        reply.append(Finish("tool_calls" if calls else "stop"))
    return reply


class ScriptedModel:
    """Gives one reply for each call and keeps the ``requests``. A call too many is an AssertionError.

    A reply is a text, an exception to raise, or a sequence of texts, tool calls (:func:`tool_call`), other events,
    exceptions and ``threading.Event`` objects, which it waits for (10 s at most). Each event is a batch of its own.
    A reply may also be a function that gets the request and gives the reply.
    """

    def __init__(self, *replies: Reply, name: str = "scripted") -> None:
        self.name = name
        self.requests: list[ModelRequest] = []
        self._replies = list(replies)

    def stream(self, request: ModelRequest) -> Iterator[list[ModelEvent]]:
        """The next reply."""
        self.requests.append(request)
        number = len(self.requests)
        if number > len(self._replies):
            raise AssertionError(f"model {self.name!r} was called {number} times, it has {len(self._replies)} replies")
        reply = self._replies[number - 1]
        while callable(reply):
            reply = reply(request)
        items = [reply] if isinstance(reply, str | Exception) else reply
        for item in model_reply(*items):
            if isinstance(item, Exception):
                raise item
            if not isinstance(item, threading.Event):
                yield [item]
            elif not item.wait(10):
                raise AssertionError(f"model {self.name!r} waited 10 s for an event that nobody set")
