"""Turns ``ARG VALUE, ARG VALUE`` into a tool's arguments, by the tool's own JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..types import JSONSchema
from .demo_quotes import split_outside_quotes
from .demo_values import coerce
from .demo_values import mapping

_WORD = re.compile(r"([^\s=:]*)\s*[=:]?\s*")


def parse_arguments(text: str, schema: JSONSchema) -> dict[str, Any]:
    """The arguments by name, each of its parameter's type where the text allows it, else as text.

    A tool with a single parameter takes the whole text if that does not start with the parameter's name.
    """
    properties = mapping(schema.get("properties"))
    arguments: dict[str, Any] = {}
    for part in split_outside_quotes(text, _separator(properties)):
        word, value = _named(part)
        name = _parameter(word, properties)
        if name is None and len(properties) == 1:
            name, value = next(iter(properties)), text
        if part and name not in arguments:
            name = word if name is None else name
            arguments[name] = coerce(value, properties.get(name), schema)
    return arguments


def missing_arguments(arguments: dict[str, Any], schema: JSONSchema) -> list[str]:
    """The names of required arguments that are not there."""
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    return [name for name in names if isinstance(name, str) and name not in arguments]


def _separator(names: Iterable[str]) -> re.Pattern[str]:
    """A comma before the name of a parameter: so other commas belong to the values."""
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or r"[\w.-]{1,64}"
    return re.compile(rf",\s{{0,4}}(?:and\s)?(?=(?:{known})(?:[\s=:]|$))", re.IGNORECASE)


def _named(part: str) -> tuple[str, str]:
    match = _WORD.match(part)
    return (match[1], part[match.end() :]) if match else (part, "")


def _parameter(word: str, properties: JSONSchema) -> str | None:
    if word in properties:
        return word
    return next((name for name in properties if name.lower() == word.lower()), None)
