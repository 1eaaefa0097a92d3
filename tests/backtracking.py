"""Texts that would keep a regular expression busy if it could be made to try the same thing over and over."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

if sys.version_info >= (3, 11):
    from re import _parser as parser  # type: ignore[attr-defined]
else:
    import sre_parse as parser

_CHARACTERS = "aAgG0_ \t\n-.:/=,;'\"`\\([{<>$%#@*!?+|é"
_MOST_CHARACTERS = 5
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_CATEGORIES = {"DIGIT": str.isdigit, "SPACE": str.isspace, "WORD": lambda each: each.isalnum() or each == "_"}
ENDS = ("\0", "\n\0", "")


def hostile_texts(pattern: re.Pattern[Any], length: int) -> Iterator[str]:
    """What each repetition of a pattern takes, as often as there is room: at once, behind what has to come before it,
    and together with that over and over; each with an end that does not fit.
    """
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    flags = pattern.flags & ~re.DEBUG
    seen = set()
    for before, piece in _repetitions(parser.parse(text, flags), ""):
        for lead, body in ((before, piece), ("", piece), ("", before + piece), ("", before), (before, before + piece)):
            if body and (lead, body) not in seen:
                seen.add((lead, body))
                yield from (lead + body * (length // len(body)) + end for end in ENDS)


def _repetitions(nodes: Any, before: str) -> Iterator[tuple[str, str]]:
    """Each repetition's pieces, with the shortest text that leads there."""
    for node in nodes:
        for inner in _inside(node):
            yield from _repetitions(inner, before)
        name, value = str(node[0]), node[1]
        if name in _REPEATS and value[1] > 1:
            yield from ((before, piece) for piece in _samples(value[2]))
        before += _sample(node)


def _inside(node: Any) -> list[Any]:
    name, value = str(node[0]), node[1]
    if name == "BRANCH":
        return list(value[1])
    if name in _REPEATS:
        return [value[2]]
    if name in ("ASSERT", "ASSERT_NOT"):
        return [value[1]]
    if name == "ATOMIC_GROUP":
        return [value]
    return [value[-1]] if name == "SUBPATTERN" else []


def _samples(nodes: Any) -> list[str]:
    """Texts that a part of a pattern takes: of a single place with several characters, one for each."""
    nodes = list(nodes)
    while len(nodes) == 1 and str(nodes[0][0]) == "SUBPATTERN":
        nodes = list(nodes[0][1][-1])
    if len(nodes) == 1 and str(nodes[0][0]) == "BRANCH":
        return [sample for branch in nodes[0][1][1] for sample in _samples(branch)]
    if len(nodes) == 1 and (characters := _characters(nodes[0])):
        return characters[:_MOST_CHARACTERS]
    return ["".join(map(_sample, nodes))]


def _sample(node: Any) -> str:
    name, value = str(node[0]), node[1]
    if name in _REPEATS:
        return "".join(map(_sample, value[2])) * value[0]
    if name == "BRANCH":
        return min(("".join(map(_sample, branch)) for branch in value[1]), key=len)
    if name in ("SUBPATTERN", "ATOMIC_GROUP"):
        return "".join(map(_sample, value[-1] if name == "SUBPATTERN" else value))
    characters = _characters(node)
    return characters[0] if characters else ""


def _characters(node: Any) -> list[str]:
    """Usual characters that a place for one takes, or a rare one; none if it is no such place."""
    name, value = str(node[0]), node[1]
    if name == "LITERAL":
        return [chr(value)]
    if name == "ANY":
        return list("a <")
    if name == "NOT_LITERAL":
        return [each for each in _CHARACTERS if ord(each) != value]
    if name != "IN":
        return []
    negated = str(value[0][0]) == "NEGATE"
    usual = [each for each in _CHARACTERS if any(_fits(each, item) for item in value) != negated]
    return usual or [chr(item[0] if isinstance(item, tuple) else item) for _, item in value[:1]]


def _fits(character: str, item: Any) -> bool:
    name, value = str(item[0]), item[1]
    if name == "LITERAL":
        return ord(character) == int(value)
    if name == "RANGE":
        return bool(value[0] <= ord(character) <= value[1])
    if name == "CATEGORY":
        category = str(value).removeprefix("CATEGORY_")
        return _CATEGORIES[category.removeprefix("NOT_")](character) != category.startswith("NOT_")
    return False
