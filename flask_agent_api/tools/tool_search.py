"""Which tools fit what a model is looking for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .base import Tool

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")
_SHORTEST_PART = 3  # of a word that counts where it is no word of its own


def best_tools(query: str, tools: Iterable[Tool]) -> list[Tool]:
    """The tools that a query is about, best first; all of them, in their order, for an empty one.

    Those that have more of its words come first, and a word in the name counts more than one in the description. If no
    word fits, the letters may: ``crfil`` finds ``create_file``.
    """
    if not query.strip():
        return list(tools)
    scored = [(_score(query, tool), tool) for tool in tools]
    found = [(score, tool) for score, tool in scored if score > (0, 0)]
    return [tool for _, tool in sorted(found, key=lambda each: each[0], reverse=True)]


def _score(query: str, tool: Tool) -> tuple[int, int]:
    """How many words of the query the tool has, and how much they count."""
    name, description = _words(tool.name), _words(tool.description)
    points = [_points(word, name, description) for word in dict.fromkeys(_words(query))]
    if tool.name.lower() == query.strip().lower():
        points.append(10)
    if not any(points):
        return (0, int(_letters_in_order(query, tool.name)))
    return (sum(point > 0 for point in points), sum(points))


def _points(word: str, name: list[str], description: list[str]) -> int:
    if word in name:
        return 6
    if len(word) >= _SHORTEST_PART and any(word in each for each in name):
        return 4
    if word in description:
        return 2
    return int(len(word) >= _SHORTEST_PART and any(word in each for each in description))


def _words(text: str) -> list[str]:
    """The words of a sentence or a name: ``readFile`` and ``read_file`` have two."""
    return [word.lower() for word in _WORD.findall(text)]


def _letters_in_order(query: str, name: str) -> bool:
    letters = iter(name.lower())
    return all(letter in letters for letter in query.lower() if not letter.isspace())
