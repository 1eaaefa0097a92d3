"""What renderers make of activity, before anybody decides on frames or on JSON."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import TypeAlias

from ...types import Message


@dataclass(frozen=True, slots=True)
class Text:
    """Belongs to the answer's content."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Belongs to the answer's ``reasoning_content``, which clients show apart from the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Extension:
    """A key of our own, on a chunk with an empty delta.

    A whole answer has all values as a list under ``listed`` at its top level, or none of them if that is empty.
    """

    key: str
    value: Any
    listed: str = ""


@dataclass(frozen=True, slots=True)
class RawDelta:
    """A delta as it is.

    ``message`` is what a whole answer's message has of it: lists are added to those of earlier pieces.
    """

    delta: Message
    message: Message = field(default_factory=dict)


Piece: TypeAlias = Text | Reasoning | Extension | RawDelta
