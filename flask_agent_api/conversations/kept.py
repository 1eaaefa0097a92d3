"""Conversations as their owners look at them: all that are kept, what a client has of one, and that it is gone."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from ..types import Message
from . import answers
from . import client_turns
from .base import ConversationStore
from .base import LogInfo
from .base import LogKey
from .conversation import KIND
from .conversation import Turn
from .conversation import turns_of

AT_ONCE = 500
"""Logs that are listed with one question to the store, where all are wanted."""


def conversations(store: ConversationStore, principal: str | None = None, at_once: int = AT_ONCE) -> Iterator[LogInfo]:
    """The conversations of one caller, or of all: the one that was used last comes first.

    They are asked for as they are needed, ``at_once`` at a time; so one that is used meanwhile may come twice.
    """
    offset = 0
    while found := store.list(KIND, principal, at_once, offset):
        yield from found
        if len(found) < at_once:
            return
        offset += len(found)


def forget(store: ConversationStore, key: LogKey) -> bool:
    """Deletes a conversation, and what else is kept of its turns: answers, and what waits for the client's tools.

    A run that is at work on it ends, and keeps nothing. Returns whether there was a conversation, or such a run.
    """
    log = store.read(key)
    for turn in turns_of(log.entries, key.id):
        for call in _handed_out(turn.added):
            store.delete(LogKey(client_turns.KIND, key.principal, key.agent, str(call.get("id"))))
        if turn.recorded:
            store.delete(LogKey(answers.KIND, key.principal, *turn.recorded))
    return store.delete(key) or log.leased


def client_history(turns: Iterable[Turn]) -> Iterator[Message]:
    """What a client has of a conversation, and goes on with it by: its own messages, and the answers it got."""
    for turn in turns:
        yield from turn.sent
        yield _answer(turn)


def whole_history(turns: Iterable[Turn]) -> Iterator[Message]:
    """All messages that are kept, the calls and results of tools among them."""
    for turn in turns:
        yield from (*turn.sent, *turn.added)


def _answer(turn: Turn) -> Message:
    """In the form that the client got; one that knows no ids of calls got a ``function_call``."""
    if turn.answer is None:
        return turn.added[-1]
    plain = {key: value for key, value in turn.answer.items() if key != "tool_calls"}
    ids = [call["id"] for call in turn.answer.get("tool_calls", ())]
    if not ids:
        return plain
    calls = _handed_out(turn.added)
    if [call.get("id") for call in calls] == ids:
        return {**plain, "tool_calls": calls}
    return {**plain, "function_call": next(call["function"] for call in calls if call["function"]["name"] in ids)}


def _handed_out(added: Sequence[Message]) -> list[dict[str, Any]]:
    """The calls of the client's tools: those that have no result yet."""
    results = {message.get("tool_call_id") for message in added if message.get("role") == "tool"}
    calls = [call for message in added for call in message.get("tool_calls") or ()]
    return [call for call in calls if call.get("id") not in results]
