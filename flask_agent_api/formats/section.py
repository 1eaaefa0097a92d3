"""Reading a mapping of a configuration file field by field, with errors that name the place and the nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ..errors import ConfigError
from .document import Document
from .document import KeyPath


@dataclass(frozen=True, slots=True)
class Kind:
    """What a field may hold. ``expected`` is how a message calls it, ``schema`` the same as JSON Schema; empty: any."""

    expected: str
    accepts: Callable[[Any], bool]
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields a mapping may have: those that are read, and those that are known but not supported yet.

    ``reasons`` says of some of the latter why, and what to do.
    """

    supported: Mapping[str, Kind]
    later: Mapping[str, Kind] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    def kind(self, name: str) -> Kind | None:
        """What the field may hold; None if it is not known."""
        return self.supported.get(name) or self.later.get(name)

    def __iter__(self) -> Iterator[str]:
        yield from self.supported
        yield from self.later


def is_text(value: Any) -> bool:
    """Text, or a number or switch, which means its own text then."""
    return isinstance(value, str | int | float)


def is_number(value: Any) -> bool:
    """A number that is not a switch."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    """A whole number that is not a switch."""
    return isinstance(value, int) and not isinstance(value, bool)


_TEXT_LIKE = {"type": ["string", "number", "boolean"]}

ANY = Kind("anything", lambda value: True)
STRING = Kind("text", lambda value: isinstance(value, str), {"type": "string"})
"""Text alone, for formats that know what a string is."""
TEXT = Kind("text", is_text, _TEXT_LIKE)
"""Text. In YAML ``name: 7`` is as good as ``name: "7"``, as docker-agent has it."""
FLAG = Kind("true or false", lambda value: isinstance(value, bool), {"type": "boolean"})
INTEGER = Kind("a whole number", is_integer, {"type": "integer"})
COUNT = Kind(
    "a whole number, 0 or more", lambda value: is_integer(value) and value >= 0, {"type": "integer", "minimum": 0}
)
POSITIVE = Kind(
    "a whole number, 1 or more", lambda value: is_integer(value) and value >= 1, {"type": "integer", "minimum": 1}
)
MAPPING = Kind("a mapping", lambda value: isinstance(value, dict), {"type": "object"})
LIST = Kind("a list", lambda value: isinstance(value, list), {"type": "array"})
TEXTS = Kind(
    "a list of texts",
    lambda value: isinstance(value, list) and all(map(is_text, value)),
    {"type": "array", "items": _TEXT_LIKE},
)
TEXT_OR_TEXTS = Kind(
    "text or a list of texts",
    lambda value: is_text(value) or TEXTS.accepts(value),
    {"type": [*_TEXT_LIKE["type"], "array"], "items": _TEXT_LIKE},
)
TEXT_MAP = Kind(
    "a mapping of names to texts",
    lambda value: isinstance(value, dict) and all(item is None or is_text(item) for item in value.values()),
    {"type": "object", "additionalProperties": {"type": [*_TEXT_LIKE["type"], "null"]}},
)


def number(least: float, most: float) -> Kind:
    """A number in a range, both ends included."""
    return Kind(
        f"a number from {least:g} to {most:g}",
        lambda value: is_number(value) and least <= value <= most,
        {"type": "number", "minimum": least, "maximum": most},
    )


def one_of(*choices: str) -> Kind:
    """One of some words."""
    return Kind(f"one of {', '.join(choices)}", lambda value: value in choices, {"enum": [*choices]})


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` is probably a slip of: case, separators, swapped or missing letters."""
    names = list(known)
    plain = {_plain(candidate): candidate for candidate in names}
    if (same := plain.get(_plain(name))) is not None:
        return same
    swapped = next((candidate for candidate in names if sorted(candidate) == sorted(name)), None)
    return swapped or next(iter(difflib.get_close_matches(name, names, 1, 0.8)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``, did you mean "model"?``, or nothing if no known name is near."""
    near = nearest(name, known)
    return f', did you mean "{near}"?' if near else ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping in a document. Warnings are collected in the list that all parts of one agent share."""

    document: Document
    where: KeyPath
    data: Mapping[str, Any]
    warnings: list[str]

    def check(self, fields: Fields) -> None:
        """Holds every field against a table.

        Raises :class:`ConfigError` for a value of the wrong kind, and for an unknown field that is close to a known
        one. Warns about other unknown fields, and about known ones that are not supported yet.
        """
        for name, value in self.data.items():
            kind = fields.kind(name)
            if kind is None:
                self._unknown(name, fields)
            elif value is not None and not kind.accepts(value):
                raise self.error(name, f"expected {kind.expected}, found {found(value)}")
            elif name in fields.later and not (value is None or value is False or value in ([], {})):
                self.warn(name, fields.reasons.get(name, "not supported yet, it has no effect"))

    def error(self, key: str | int | None, problem: str) -> ConfigError:
        """An error about a field, or about the section itself, ready to be raised."""
        return self.document.error(self._path(key), problem)

    def warn(self, key: str | int | None, problem: str, unset: Iterable[str] = ()) -> None:
        """Notes a warning about a field, or about the section itself; only once.

        ``unset`` names the environment variables that it is about.
        """
        warning = self.document.notice(self._path(key), problem, tuple(unset))
        if warning not in self.warnings:
            self.warnings.append(warning)

    def warn_of_unset(self, key: str | int | None, variables: Iterable[str], consequence: str) -> None:
        """Notes that environment variables are not set, and what that leads to."""
        names = tuple(variables)
        self.warn(key, f"{', '.join(names)} is not set in the environment, {consequence}", names)

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self.data.get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        """A text; the default where the field is absent or null."""
        return as_text(self.data[key]) if self.has(key) else default

    def texts(self, key: str) -> list[str]:
        """A list of texts; empty where the field is absent."""
        return [as_text(value) for value in self.data.get(key) or []]

    def text_map(self, key: str) -> dict[str, str]:
        """A mapping of texts; empty where the field is absent. A null in it is empty text."""
        return {name: as_text(value) for name, value in (self.data.get(key) or {}).items()}

    def section(self, key: str) -> Section:
        """The mapping in a field; an empty one where the field is absent. Raises :class:`ConfigError` for others."""
        return self._inner(key, self.data.get(key))

    def sections(self, key: str) -> list[Section]:
        """The mappings in a list. Raises :class:`ConfigError` for an item that is no mapping."""
        outer = Section(self.document, (*self.where, key), {}, self.warnings)
        return [outer._inner(position, item) for position, item in enumerate(self.data.get(key) or [])]

    def with_warnings(self, warnings: list[str]) -> Section:
        """The same section, noting its warnings elsewhere."""
        return Section(self.document, self.where, self.data, warnings)

    def _inner(self, key: str | int, value: Any) -> Section:
        if not isinstance(value, dict | None):
            raise self.error(key, f"expected a mapping, found {found(value)}")
        return Section(self.document, self._path(key), value or {}, self.warnings)

    def _unknown(self, name: str, fields: Fields) -> None:
        if hint := did_you_mean(name, fields):
            raise self.error(name, f"unknown field{hint}")
        self.warn(name, "unknown field, it has no effect")

    def _path(self, key: str | int | None) -> KeyPath:
        return self.where if key is None else (*self.where, key)


def found(value: Any) -> str:
    """What a value is, in the words of a message; never a whole text, which may be secret or long."""
    names = {dict: "a mapping", list: "a list", str: "text", type(None): "nothing"}
    if isinstance(value, list) and not all(map(is_text, value)):
        return "a list that holds other things"
    return names.get(type(value)) or f"{as_text(value)}"


def as_text(value: Any) -> str:
    """A scalar as it is written in YAML; null is empty."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
