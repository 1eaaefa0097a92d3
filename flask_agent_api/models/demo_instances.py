"""An example of what a JSON Schema allows: how the demo model answers where a request wants a certain format."""

from __future__ import annotations

import json
import math
import operator
from typing import Any

from ..types import JSONSchema
from .demo_values import allowed_by
from .demo_values import followed
from .demo_values import mapping
from .demo_values import options_of

_FORMATS = {
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "date-time": "2026-01-31T12:00:00Z",
    "duration": "PT1H",
    "email": "demo@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_BOUNDS = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}
_SHALLOW = 4  # Levels down to which what is optional is there, too: below, a schema may refer to itself.
_DEEPEST = 40
_MOST = 1_000  # Values in an example, characters of a string.


def structured(text: str, response_format: object) -> str:
    """A text in the format of a request: itself, an object with it, or an example of the schema."""
    wanted = mapping(response_format)
    if wanted.get("type") == "json_object":
        return json.dumps({"answer": text}, ensure_ascii=False)
    if wanted.get("type") == "json_schema":
        return json.dumps(example(mapping(mapping(wanted.get("json_schema")).get("schema"))), ensure_ascii=False)
    return text


def example(schema: JSONSchema) -> Any:
    """A value that the schema allows, always the same one.

    Patterns and conditions are not looked at. Of alternatives it is the first, unless that would lead ever deeper.
    """
    return _Example(schema).value(schema, 0)


class _Example:
    def __init__(self, root: JSONSchema) -> None:
        self._root = root
        self._left = _MOST

    def value(self, schema: object, depth: int) -> Any:
        self._left -= 1
        here = followed(schema, self._root)
        if allowed := allowed_by(here):
            return allowed[0]
        if depth > _DEEPEST or self._left < 0:
            return None
        if options := options_of(here):
            return self._option(here, options, depth)
        kind = here.get("type") or ("array" if "items" in here else "object" if "properties" in here else "string")
        if kind == "object":
            return self._object(here, depth)
        if kind == "array":
            return self._array(here, depth)
        return _scalar(str(kind), here)

    def _option(self, schema: JSONSchema, options: list[JSONSchema], depth: int) -> Any:
        rest = {key: value for key, value in schema.items() if key not in {"anyOf", "oneOf", "type"}}
        followable = [rest | followed(option, self._root) for option in options]
        return self.value(followable[0] if depth < _SHALLOW else min(followable, key=_weight), depth + 1)

    def _object(self, schema: JSONSchema, depth: int) -> dict[str, Any]:
        properties = mapping(schema.get("properties"))
        required = [name for name in _list(schema.get("required")) if isinstance(name, str)]
        names = [*properties, *required] if depth < _SHALLOW else required
        return {
            name: self.value(properties.get(name, schema.get("additionalProperties")), depth + 1)
            for name in dict.fromkeys(names)
            if properties.get(name) is not False
        }

    def _array(self, schema: JSONSchema, depth: int) -> list[Any]:
        least = _count(schema.get("minItems"), 0)
        most = _count(schema.get("maxItems"), _MOST)
        first = _list(schema.get("prefixItems"))
        items = schema.get("items", {})
        wanted = max(least, len(first) if first or items is False else 1) if depth < _SHALLOW else least
        schemas = [*first, *[items] * max(0, min(wanted, _MOST) - len(first))]
        return [self.value(each, depth + 1) for each in schemas[: min(wanted, most)]]


def _weight(schema: JSONSchema) -> int:
    """How deep a schema may lead: nothing, a plain value, or more."""
    return 0 if schema.get("type") == "null" else 2 if schema.get("type") in (None, "object", "array") else 1


def _scalar(kind: str, schema: JSONSchema) -> Any:
    if kind == "string":
        return _string(schema)
    if kind in {"integer", "number"}:
        return _number(schema, kind == "integer")
    return {"boolean": True}.get(kind)


def _string(schema: JSONSchema) -> str:
    text = _FORMATS.get(str(schema.get("format")), "demo")
    text = text.ljust(min(_count(schema.get("minLength"), 0), _MOST), ".")
    return text[: _count(schema.get("maxLength"), len(text))]


def _number(schema: JSONSchema, whole: bool) -> int | float:
    """The first that is within the bounds: 0, a number at one of them, the middle; 0 if there is none."""
    bounds = {name: schema[name] for name in _BOUNDS if isinstance(schema.get(name), int | float)}
    step = schema.get("multipleOf")
    step = step if isinstance(step, int | float) and step > 0 else int(whole)
    near = [bound + distance for bound in bounds.values() for distance in (0, step or 1, -(step or 1))]
    middle = [sum(bounds.values()) / len(bounds)] if bounds else []
    for number in (0, *near, *middle):
        for multiple in _multiples(number, step):
            if all(_BOUNDS[name](multiple, bound) for name, bound in bounds.items()):
                return multiple
    return 0


def _multiples(number: float, step: float) -> tuple[int | float, ...]:
    if not step:
        return (number,)
    steps = number / step
    return (math.floor(steps) * step, math.ceil(steps) * step) if abs(steps) < 1e15 else ()


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _count(value: object, default: int) -> int:
    return value if isinstance(value, int) and value >= 0 else default
