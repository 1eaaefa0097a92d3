"""A conversation's turns, as entries of a log, and what of them a client's history still has.

Clients send the history with each request, edited perhaps, or from an earlier point on, or not at all. What they have
of it is text; the turns that are kept have the calls and results of tools as well.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from ..json_text import read_json
from ..types import Message

logger = logging.getLogger("flask_agent_api.conversations")

KIND = "conversation"
"""The kind of logs that conversations are in."""

_CLIENT_ONLY = {"system", "developer"}
"""Roles that no turn is recognised by: clients change what they say in front, a date for example."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a client sent anew, and what the run added to it: tool calls, results, and the answer last.

    ``answer`` is the answer as the client has it, None if that is the last of what was added. ``alone``: the client
    sent nothing of what was before. ``at`` is in seconds since 1970. ``recorded`` are agent and id of the log that has
    the answer for its ``Idempotency-Key``, if there is one.
    """

    sent: Sequence[Message]
    added: Sequence[Message]
    answer: Message | None = None
    alone: bool = False
    at: float = field(default_factory=time.time)
    recorded: Sequence[str] = field(default_factory=list)

    def entry(self) -> bytes:
        """The turn as an entry of a log."""
        values = [self.sent, self.added, self.answer, self.alone, self.at, self.recorded]
        return json.dumps(values, separators=(",", ":")).encode()

    @classmethod
    def of(cls, entry: bytes) -> Turn:
        """The turn of an entry. Raises ValueError, TypeError for what is none."""
        return cls(*read_json(entry))

    @property
    def seen(self) -> list[Message]:
        """What a client has of this turn, but for messages that clients change at will."""
        return [*_told_apart(self.sent), self.answer or self.added[-1]]


def turns_of(entries: Iterable[bytes], id: str) -> list[Turn]:
    """The turns of a conversation. What cannot be read, and all behind it, is left out; the log says so by the id."""
    turns: list[Turn] = []
    for entry in entries:
        try:
            turns.append(Turn.of(entry))
        except (ValueError, TypeError):
            logger.exception("turn %d of conversation %s cannot be read", len(turns) + 1, id)
            break
    return turns


@dataclass(frozen=True, slots=True)
class Continued:
    """How a request goes on with a conversation.

    Of its turns the first ``keep`` stay. ``messages`` is the whole conversation as an agent gets it; the first ``kept``
    of them need no more than what is known of them here. ``sent`` is what is new, ``alone`` as in a :class:`Turn`.
    """

    keep: int
    messages: list[Message]
    kept: int
    sent: list[Message]
    alone: bool


def continued(turns: Sequence[Turn], history: Sequence[Message]) -> Continued:
    """Goes on from the longest part of the conversation that the client's history begins with.

    New messages of users, or results of tools, without anything before them are put at the end: such a client leaves
    the history to the server. A first question that is asked once more is answered anew, as chat UIs want it. What the
    client says as ``system`` replaces what it said before.
    """
    said = _told_apart(history)
    alone = not any(message.get("role") == "assistant" for message in said)
    if alone and _leaves_history_to_us(turns, said):
        keep, known = len(turns), 0
    else:
        keep, known = _common(turns, said)
    if not keep:
        return Continued(0, list(history), 0, list(history), alone)
    front = [message for message in history if message.get("role") in _CLIENT_ONLY]
    kept = [message for turn in turns[:keep] for message in (*turn.sent, *turn.added)]
    kept = _told_apart(kept) if front else kept
    new = said[known:]
    return Continued(keep, [*front, *kept, *new], len(front) + len(kept), new, alone)


def _leaves_history_to_us(turns: Sequence[Turn], said: Sequence[Message]) -> bool:
    """Whether messages without a past go on with these turns. With one turn they may as well be meant to replace it."""
    if len(turns) == 1:
        return not _all_same(_told_apart(turns[0].sent), said)
    return bool(turns) and turns[-1].alone


def _common(turns: Sequence[Turn], said: Sequence[Message]) -> tuple[int, int]:
    """How many turns the client's history begins with, and how many of its messages these are."""
    known = 0
    for number, turn in enumerate(turns):
        seen = turn.seen
        if not _all_same(seen, said[known : known + len(seen)]):
            return number, known
        known += len(seen)
    return len(turns), known


def _told_apart(messages: Sequence[Message]) -> list[Message]:
    """Messages but for those of the roles that clients change at will."""
    return [message for message in messages if message.get("role") not in _CLIENT_ONLY]


def _all_same(kept: Sequence[Message], sent: Sequence[Message]) -> bool:
    return len(kept) == len(sent) and all(map(same, kept, sent))


def same(kept: Message, sent: Message) -> bool:
    """Whether two messages say the same. White space does not count: clients trim it."""
    if kept == sent:
        return True
    if any(kept.get(name) != sent.get(name) for name in ("role", "tool_call_id")) or _called(kept) != _called(sent):
        return False
    content, theirs = kept.get("content"), sent.get("content")
    return content == theirs or _compact(content) == _compact(theirs)


def _compact(content: object) -> str:
    """A message's content without white space; parts of text count as one text."""
    parts = content if isinstance(content, list) else [content or ""]
    return "".join("".join(map(_part, parts)).split())


def _part(part: object) -> str:
    text = part.get("text") if isinstance(part, dict) else part
    return text if isinstance(text, str) else json.dumps(part, sort_keys=True)


def _called(message: Message) -> list[str]:
    """The calls of a message by their ids, in some order; the function's name stands for the call that has none."""
    calls = [str(call.get("id")) for call in message.get("tool_calls") or ()]
    if function := message.get("function_call"):
        calls.append(str(function.get("name")))
    return sorted(calls)
