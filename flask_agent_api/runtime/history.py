"""The client's history as a model can read it: with what the server's own tools found, and every call with its result.

Providers answer 400 to a call without a result and to a result without a call. Clients send both: they cut long
conversations, lose messages, or bring a history that another server began.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from ..types import Message
from ..types import text_of

NO_RESULT = "(no result)"
"""What a model reads as the result of a call that the client sent none for."""

_TOOL_FIELDS = {"tool_calls", "tool_call_id", "function_call"}
_TOOL_ROLES = {"tool", "function"}

AT_WORK = "agent"
"""The role of a kept turn's first message, which names the agent that handed out the calls. No model reads it."""

Find = Callable[[Sequence[str]], "list[Message] | None"]
"""Finds the messages of a turn by the ids of the calls that it handed out."""


def readable(messages: Sequence[Message], find: Find, ours: int = 0) -> list[Message]:
    """The messages, with kept turns in the place of the assistant messages that ended them.

    The first ``ours`` need none: they are kept messages themselves.

    Each call is followed by exactly one result, in the order of the calls. A result without a call becomes text.
    """
    fields = set[str]().union(*messages)
    if fields.isdisjoint(_TOOL_FIELDS) and {message.get("role") for message in messages}.isdisjoint(_TOOL_ROLES):
        return list(messages)
    history, replaced = _History(), set[str]()
    for message in messages[:ours]:
        history.add(message, ours=True)
    for message in messages[ours:]:
        ids = _ids(message)
        if ids and replaced.issuperset(ids):
            continue  # some clients make a message of each call of a turn
        if kept := _kept(ids, find):
            replaced.update(ids, call_ids(kept))
        for each in kept or [message]:
            history.add(each, ours=kept is not None)
    return history.messages


def at_work(messages: Sequence[Message], find: Find) -> str:
    """The agent that handed out the calls whose results the client now comes back with; "" if that is not known."""
    id = messages[-1].get("tool_call_id") if messages and messages[-1].get("role") == "tool" else None
    kept = find([id]) if isinstance(id, str) else None
    return str(kept[0].get("name", "")) if kept and kept[0].get("role") == AT_WORK else ""


def _kept(ids: Sequence[str], find: Find) -> list[Message] | None:
    """The turn that all these calls are of, some of which may have been the server's: one mode shows them as calls."""
    kept = next((turn for id in ids if (turn := find([id]))), None)
    return kept if kept and set(ids).issubset(call_ids(kept)) else None


def call_ids(messages: Sequence[Message]) -> Iterator[str]:
    """The ids of all tool calls."""
    for message in messages:
        for call in message.get("tool_calls") or ():
            yield call["id"]


def _ids(message: Message) -> list[str]:
    """The ids of the calls that a message of the client has; none if one of them is no id."""
    calls = message.get("tool_calls") or () if message.get("role") == "assistant" else ()
    ids = [call.get("id") for call in calls]
    return ids if all(isinstance(id, str) for id in ids) else []


class _History:
    """Messages that have been put in order so far."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._awaited: dict[str, Message] = {}  # results that have a place and no content yet, by the call's id
        self._answered: set[str] = set()  # calls whose result is there: one that comes again is left out
        self._legacy: dict[str, str] = {}  # the ids of calls that the client knows by the function's name alone

    def add(self, message: Message, *, ours: bool = False) -> None:
        """Adds a message, and takes in a result wherever its call was made.

        Messages of ``ours`` keep what the model's provider has put into their calls.
        """
        role = message.get("role")
        if role == AT_WORK:
            return
        if role == "assistant":
            self._add_assistant(message, ours)
        elif role == "tool":
            self._add_result(str(message.get("tool_call_id")), message)
        elif role == "function":
            self._add_result(self._legacy.pop(str(message.get("name")), ""), message)
        else:
            self.messages.append({key: value for key, value in message.items() if key not in _TOOL_FIELDS})

    def _add_assistant(self, message: Message, ours: bool) -> None:
        calls = [
            {**(each if ours else {}), **call} for each in message.get("tool_calls") or () if (call := _call(each))
        ]
        rest = {key: value for key, value in message.items() if key not in _TOOL_FIELDS}
        if not calls and (legacy := _function(message.get("function_call"))):
            calls = [{"id": f"legacy{len(self.messages):03d}", "type": "function", "function": legacy}]
            self._legacy[legacy["name"]] = calls[0]["id"]
        if not calls:
            self.messages.append(rest | {"content": rest.get("content") or ""})
            return
        self.messages.append(rest | {"tool_calls": calls})
        for call in calls:
            result = {"role": "tool", "tool_call_id": call["id"], "content": NO_RESULT}
            self.messages.append(result)
            self._awaited[call["id"]] = result

    def _add_result(self, id: str, message: Message) -> None:
        content = message.get("content")
        if (result := self._awaited.pop(id, None)) is not None:
            result["content"] = content or "(no output)"
            self._answered.add(id)
        elif id not in self._answered and (text := text_of(content)):
            self.messages.append({"role": "user", "content": f"The result of an earlier tool call:\n{text}"})


def _call(call: dict[str, Any]) -> dict[str, Any] | None:
    """A call of the client's history, or None if it has no id or no name. That of a custom tool has one argument."""
    id, function = call.get("id"), _function(call.get("function"))
    custom = call.get("custom")
    if function is None and isinstance(custom, dict):
        function = _function({"name": custom.get("name"), "arguments": {"input": custom.get("input")}})
    return {"id": id, "type": "function", "function": function} if isinstance(id, str) and id and function else None


def _function(function: object) -> dict[str, str] | None:
    if not isinstance(function, dict) or not isinstance(name := function.get("name"), str) or not name:
        return None
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments or {})
    return {"name": name, "arguments": arguments or "{}"}
