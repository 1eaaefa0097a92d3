"""A conversation's turns, as entries of a log, and what of them a client's history still has.

Clients send the history with each request, edited perhaps, or from an earlier point on, or not at all. What they have
of it is text; the turns that are kept have the calls and results of tools as well.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import time
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from ..types import Message

logger = logging.getLogger("flask_agent_api.conversations")

KIND = "conversation"
"""The kind of logs that conversations are in."""

_CLIENT_ONLY = {"system", "developer"}
"""Roles that no turn is recognised by: clients change what they say in front, a date for example."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a client sent anew, and what the run added to it: tool calls, results, and the answer last.

    ``answer`` is the fingerprint of the answer as the client has it. ``alone``: the client sent nothing of what was
    before. ``at`` is in seconds since 1970.
    """

    sent: Sequence[Message]
    added: Sequence[Message]
    answer: str
    alone: bool = False
    at: float = field(default_factory=time.time)

    def entry(self) -> bytes:
        """The turn as an entry of a log."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return json.dumps(values, separators=(",", ":")).encode()

    @classmethod
    def of(cls, entry: bytes) -> Turn:
        """The turn of an entry. Raises ValueError, TypeError for what is none."""
        return cls(**json.loads(entry))

    @property
    def fingerprints(self) -> list[str]:
        """Those of the messages that a client has of this turn."""
        return [*fingerprints(self.sent), self.answer]


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
    said = [message for message in history if message.get("role") not in _CLIENT_ONLY]
    alone = not any(message.get("role") == "assistant" for message in said)
    if alone and _leaves_history_to_us(turns, said):
        keep, known = len(turns), 0
    else:
        keep, known = _common(turns, fingerprints(said))
    if not keep:
        return Continued(0, list(history), 0, list(history), alone)
    front = [message for message in history if message.get("role") in _CLIENT_ONLY]
    kept = [message for turn in turns[:keep] for message in (*turn.sent, *turn.added)]
    if front:
        kept = [message for message in kept if message.get("role") not in _CLIENT_ONLY]
    new = said[known:]
    return Continued(keep, [*front, *kept, *new], len(front) + len(kept), new, alone)


def _leaves_history_to_us(turns: Sequence[Turn], said: Sequence[Message]) -> bool:
    """Whether messages without a past go on with these turns. With one turn they may as well be meant to replace it."""
    if len(turns) == 1:
        return fingerprints(said) != fingerprints(turns[0].sent)
    return bool(turns) and turns[-1].alone


def _common(turns: Sequence[Turn], sent: Sequence[str]) -> tuple[int, int]:
    """How many turns the client's history begins with, and how many of its messages these are."""
    known = 0
    for number, turn in enumerate(turns):
        expected = turn.fingerprints
        if list(sent[known : known + len(expected)]) != expected:
            return number, known
        known += len(expected)
    return len(turns), known


def fingerprints(messages: Iterable[Message]) -> list[str]:
    """A short text for each message but those of the roles that clients change at will."""
    return [fingerprint(message) for message in messages if message.get("role") not in _CLIENT_ONLY]


def fingerprint(message: Message) -> str:
    """The same for messages that say the same. White space does not count: clients trim it."""
    content = message.get("content")
    parts = [content] if isinstance(content, str) else [_part(part) for part in content or ()]
    calls = sorted(_called(message))
    said = json.dumps([message.get("role"), message.get("tool_call_id"), "".join("".join(parts).split()), calls])
    return hashlib.blake2b(said.encode(), digest_size=12).hexdigest()


def _part(part: object) -> str:
    text = part.get("text") if isinstance(part, dict) else None
    return text if isinstance(text, str) else json.dumps(part, sort_keys=True)


def _called(message: Message) -> Iterable[str]:
    """The calls of a message by their ids; the function's name stands for the call that has none."""
    for call in message.get("tool_calls") or ():
        yield str(call.get("id"))
    if function := message.get("function_call"):
        yield str(function.get("name"))
