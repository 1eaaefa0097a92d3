"""An answer that is kept for its ``Idempotency-Key``, as entries of a log.

The first entry, the head, is written before the agent begins: whoever finds it without an end, and with nobody at work,
knows that a run was cut off. What follows is the answer as it was sent: its opening (status and headers), its pieces,
and the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field

KIND = "answer"
"""The kind of logs that answers are in."""

MAX_ANSWERS = 100_000
"""Answers that are kept, at the most. The one that was not used for the longest goes first."""

_HEAD, _OPENING, _PIECE, _END = b"h", b"o", b"p", b"e"


@dataclass(frozen=True, slots=True)
class Head:
    """What was asked: the body's SHA-256, the agent, and whether its run is ``detached`` from the client."""

    body: str
    agent: str
    detached: bool

    def entry(self) -> bytes:
        """The head as an entry of a log."""
        return _HEAD + json.dumps(asdict(self)).encode()


@dataclass(frozen=True, slots=True)
class Opening:
    """How the response begins."""

    status: int
    headers: Mapping[str, str]

    def entry(self) -> bytes:
        """The opening as an entry of a log."""
        return _OPENING + json.dumps(asdict(self)).encode()

    @property
    def is_stream(self) -> bool:
        """Whether the body is a stream of events."""
        return self.headers.get("Content-Type", "").startswith("text/event-stream")


@dataclass(slots=True)
class Answer:
    """An answer as far as its log was read. ``lost``: it has ended, and is not there."""

    head: Head | None = None
    opening: Opening | None = None
    pieces: list[bytes] = field(default_factory=list)
    ended: bool = False
    lost: bool = False

    def add(self, entries: Iterable[bytes]) -> None:
        """Adds what was read. Raises ValueError, TypeError for what is none of an answer."""
        for entry in entries:
            kind, value = entry[:1], entry[1:]
            if kind == _PIECE:
                self.pieces.append(value)
            elif kind == _HEAD:
                self.head = Head(**json.loads(value))
            elif kind == _OPENING:
                self.opening = Opening(**json.loads(value))
            elif kind == _END:
                self.ended, self.lost = True, not json.loads(value)
            else:
                raise ValueError("an entry that is none of an answer")


def piece_entry(piece: bytes) -> bytes:
    """A piece of the body as an entry of a log."""
    return _PIECE + piece


def end_entry(kept: bool) -> bytes:
    """The end as an entry of a log; whether the answer is in it."""
    return _END + json.dumps(kept).encode()
