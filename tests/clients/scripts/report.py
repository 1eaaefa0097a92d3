"""What the Python scripts share: the scenarios to play come in, a JSON line for each goes out."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Any


@dataclass
class Ask:
    """A scenario: which of a script's functions plays it (``way``), and what it asks for."""

    name: str
    way: str
    model: str
    question: str
    key: str
    base_url: str

    @property
    def messages(self) -> list[Any]:
        """The conversation to send."""
        return [{"role": "user", "content": self.question}]


@dataclass
class Seen:
    """What reached the code that uses the client. ``pending``: tools that it was asked to run."""

    pieces: list[str] = field(default_factory=list)
    reasoning: str = ""
    events: int = 0
    pending: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    value: Any = None
    error: str = ""
    message: str = ""


def play(*ways: Callable[[Ask, Seen], None]) -> None:
    """Plays the scenarios of ``argv[2]`` against the base URL ``argv[1]``, as far as there is a way to."""
    by_name = {way.__name__: way for way in ways}
    for scenario in json.loads(sys.argv[2]):
        ask = Ask(**scenario, base_url=sys.argv[1])
        if way := by_name.get(ask.way):
            print(json.dumps({"name": ask.name, **dataclasses.asdict(_seen(way, ask))}), flush=True)


def _seen(way: Callable[[Ask, Seen], None], ask: Ask) -> Seen:
    seen = Seen()
    try:
        way(ask, seen)
    except Exception as exc:
        seen.error = type(exc).__name__
        seen.message = str(exc)[:500]
    return seen


SHIRT_SIZE = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}
"""The arguments of the client's own tool ``shirt_size``, whose result is "size M"."""
