"""JSON Schemas of clients: read with care, and used within bounds.

A schema is a program that a stranger sends. So references lead nowhere but into the schema itself, patterns run on an
engine whose time is linear (the one of pydantic), what jsonschema would compute without a bound is left out, and
everything ends after a few seconds.
"""

from __future__ import annotations

import json
from functools import cache
from functools import lru_cache
from typing import Any

import referencing.exceptions
from jsonschema import Draft7Validator
from jsonschema import Draft201909Validator
from jsonschema import Draft202012Validator
from jsonschema import ValidationError
from jsonschema.protocols import Validator
from jsonschema_specifications import REGISTRY
from referencing import Registry
from referencing import Specification
from referencing.jsonschema import DRAFT7
from referencing.jsonschema import DRAFT201909
from referencing.jsonschema import DRAFT202012

from .schema_keywords import bounded
from .schema_keywords import check_time
from .schema_keywords import Invalid as Invalid
from .schema_keywords import matcher
from .schema_keywords import time_limit

MAX_SCHEMA_CHARS = 128 * 1024
_UNBOUNDED = ("unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$recursiveRef")
_DEFAULT_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DIALECTS: dict[str, tuple[type[Validator], Specification[Any]]] = {
    _DEFAULT_DIALECT: (bounded(Draft202012Validator), DRAFT202012),
    "https://json-schema.org/draft/2019-09/schema": (bounded(Draft201909Validator), DRAFT201909),
    "http://json-schema.org/draft-07/schema": (bounded(Draft7Validator), DRAFT7),
}


class Schema:
    """A schema that is fit for use. Make one with :func:`read_schema`."""

    def __init__(self, validator: Validator) -> None:
        self._validator = validator

    def check(self, value: Any) -> None:
        """Raises :class:`Invalid` unless the schema allows ``value``. May take :data:`SECONDS`."""
        with time_limit():
            _check(self._validator, value)


def read_schema(schema: dict[str, Any]) -> Schema:
    """A schema in JSON's own types; draft 2020-12, unless its ``$schema`` says 2019-09 or 7.

    Raises :class:`Invalid`. May take :data:`SECONDS`, but the same schema is quick the next time.
    """
    text = json.dumps(schema)
    if len(text) > MAX_SCHEMA_CHARS:
        raise Invalid(f"is larger than {MAX_SCHEMA_CHARS} characters")
    with time_limit():
        return _read(text)


@lru_cache(maxsize=128)
def _read(text: str) -> Schema:
    schema = json.loads(text)
    dialect = schema.pop("$schema", _DEFAULT_DIALECT)
    if not isinstance(dialect, str) or dialect.rstrip("#") not in _DIALECTS:
        raise Invalid(f"has a $schema that is none of {', '.join(_DIALECTS)}")
    kind, specification = _DIALECTS[dialect.rstrip("#")]
    validator = kind(schema, registry=_registry(specification))
    _read_subschemas(schema, kind, specification)
    validator.is_valid(None)  # finds references that go round in circles, whatever the value
    return Schema(validator)


def _read_subschemas(root: dict[str, Any], kind: type[Validator], specification: Specification[Any]) -> None:
    """Looks at every schema in the document. Raises :class:`Invalid`."""
    meta_schema = kind(_without_dialect(kind.META_SCHEMA), registry=_registry(specification))
    base = Registry().resolver_with_root(specification.create_resource(root))
    seen: set[int] = set()
    unread: list[tuple[Any, Any, bool]] = [(root, base, True)]
    while unread:
        check_time()
        schema, resolver, is_new = unread.pop()
        if id(schema) in seen:
            continue
        seen.add(id(schema))
        if is_new:  # the document itself, or a part that only a reference makes a schema
            _check(meta_schema, schema)
        if isinstance(schema, bool):
            continue
        _read_keywords(schema)
        for part in specification.subresources_of(schema):
            unread.append((part, resolver.in_subresource(specification.create_resource(part)), False))
        if "$ref" in schema:
            try:
                target = resolver.lookup(schema["$ref"])
            except referencing.exceptions.Unresolvable:
                raise Invalid("has a $ref that leads out of it; references must be local") from None
            unread.insert(0, (target.contents, target.resolver, True))


def _read_keywords(schema: dict[str, Any]) -> None:
    for name in ("$schema", *_UNBOUNDED):
        if name in schema:
            raise Invalid(f"has the keyword {name} inside, which is not supported")
    for pattern in (schema.get("pattern", ""), *schema.get("patternProperties", ())):
        matcher(pattern)


def _check(validator: Validator, value: Any) -> None:
    if (error := next(validator.iter_errors(value), None)) is not None:
        raise Invalid(_problem(error))


def _problem(error: ValidationError) -> str:
    where = error.json_path if len(error.json_path) <= 200 else f"{error.json_path[:200]}..."
    return f"breaks {error.validator or 'false'!r} at {where}"


def _without_dialect(schema: Any) -> Any:
    """jsonschema gives a schema that names its dialect to its own validator of that dialect, which knows no bounds."""
    return {name: value for name, value in schema.items() if name != "$schema"}


@cache
def _registry(specification: Specification[Any]) -> Registry[Any]:
    """The dialects' own schemas. Nothing is ever fetched."""
    resources = ((uri, specification.create_resource(_without_dialect(REGISTRY.contents(uri)))) for uri in REGISTRY)
    return Registry().with_resources(resources)
