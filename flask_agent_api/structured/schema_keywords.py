"""The keywords of JSON Schema, each within bounds: in time, and on an engine for patterns that never goes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any
from typing import TypeAlias

from jsonschema import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from pydantic_core import core_schema
from pydantic_core import SchemaError
from pydantic_core import SchemaValidator

SECONDS = 2.0
"""How long it may take to read a schema, and to check a value against one."""

_until: ContextVar[float] = ContextVar("until")

Keyword: TypeAlias = Callable[[Any, Any, Any, Any], "Iterator[ValidationError] | None"]


class Invalid(ValueError):
    """A schema that cannot be used, or a value that a schema does not allow. Says where and why, never the value."""


def bounded(kind: type[Validator]) -> type[Validator]:
    """jsonschema's validator of one draft, with bounds. Use it under :func:`time_limit`."""
    own = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    }
    keywords = {**kind.VALIDATORS, **own}
    kind = extend(kind, {name: _timed(keyword) for name, keyword in keywords.items()})
    return kind


@contextmanager
def time_limit() -> Iterator[None]:
    """Raises :class:`Invalid` from a keyword in its block that begins after :data:`SECONDS`."""
    token = _until.set(time.monotonic() + SECONDS)
    try:
        yield
    except RecursionError:
        raise Invalid("is nested too deep, or refers to itself without end") from None
    finally:
        _until.reset(token)


def check_time() -> None:
    """Raises :class:`Invalid` when the time is up."""
    if time.monotonic() > _until.get():
        raise Invalid(f"takes longer than {SECONDS:g} s to check")


def _timed(keyword: Keyword) -> Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError] | None:
        check_time()
        return keyword(validator, value, instance, schema)

    return check


@lru_cache(maxsize=512)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether the pattern is somewhere in a text. Raises :class:`Invalid` for what needs to go back and forth."""
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern)).isinstance_python
    except SchemaError:
        message = "has a pattern that cannot be used (look-around and back-references are not supported)"
        raise Invalid(message) from None


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not matcher(pattern)(instance):
        yield ValidationError("does not match")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in patterns.items():
        matches = matcher(pattern)
        for name, value in instance.items():
            check_time()
            if matches(name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, subschema: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    matchers = [matcher(pattern) for pattern in schema.get("patternProperties", ())]
    for name, value in instance.items():
        check_time()
        if name in known or any(matches(name) for matches in matchers):
            continue
        if subschema is False:
            yield ValidationError("is not known", path=[name])
        else:
            yield from validator.descend(value, subschema, path=name)


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """jsonschema's own compares each item with each."""
    if not wanted or not isinstance(instance, list):
        return
    if len({json.dumps(_canonical(item), sort_keys=True) for item in instance}) < len(instance):
        yield ValidationError("has items that are equal")


def _canonical(value: Any) -> Any:
    """To JSON Schema 1.0 is 1."""
    if isinstance(value, dict):
        return {name: _canonical(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
