"""The value that a piece of text means to a JSON Schema."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NoReturn

from ..types import JSONSchema
from .demo_quotes import is_quoted
from .demo_quotes import split_outside_quotes

_MAX_DEPTH = 8
_SEPARATORS = (re.compile(r";\s?(?:and\s)?|\sand\s", re.IGNORECASE), re.compile(","))
_TRUE = {"true", "yes", "on", "1", ""}
_FALSE = {"false", "no", "off", "0"}


def coerce(text: str, schema: object, root: JSONSchema, depth: int = 0) -> Any:
    """The value that ``text`` means to ``schema``; the text itself, without quotes, if it fits nothing.

    ``root`` is the schema that local references point into. The items of an array are JSON, or separated by
    ``;`` or " and ", else by commas. Values of an enum may be in any case.
    """
    try:
        return _convert(text, schema, root, depth)
    except ValueError:
        return _unquoted(text)


def mapping(value: object) -> dict[str, Any]:
    """The value if it is a JSON object, else an empty one: schemas of others may hold anything."""
    return value if isinstance(value, dict) else {}


def _convert(text: str, schema: object, root: JSONSchema, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError("the schema refers to itself")
    resolved = followed(schema, root)
    if (allowed := allowed_by(resolved)) is not None:
        return _enum_member(text, allowed)
    if options := options_of(resolved):
        return _first_fit(text, options, root, depth)
    if resolved.get("type") == "array":
        return _array(text, resolved.get("items"), root, depth)
    return _SCALARS.get(str(resolved.get("type")), _anything)(text)


def followed(schema: object, root: JSONSchema) -> JSONSchema:
    """The schema with its local references and ``allOf`` followed."""
    resolved = mapping(schema)
    for _ in range(_MAX_DEPTH):
        rest = {key: value for key, value in resolved.items() if key not in {"$ref", "allOf"}}
        parts = [_referred(resolved["$ref"], root)] if isinstance(resolved.get("$ref"), str) else []
        parts += map(mapping, resolved["allOf"]) if isinstance(resolved.get("allOf"), list) else []
        if not parts:
            break
        resolved = {key: value for part in (*parts, rest) for key, value in part.items()}
    return resolved


def _referred(reference: str, root: JSONSchema) -> JSONSchema:
    node: object = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        node = mapping(node).get(step.replace("~1", "/").replace("~0", "~")) if step else node
    return mapping(node)


def allowed_by(schema: JSONSchema) -> list[Any] | None:
    """The values that a schema lists, if it lists them."""
    if "const" in schema:
        return [schema["const"]]
    return schema["enum"] if isinstance(schema.get("enum"), list) else None


def _enum_member(text: str, allowed: Sequence[Any]) -> Any:
    wanted = _unquoted(text).lower()
    for plain in (wanted, wanted.rstrip(".!?")):
        for value in allowed:
            if plain == ("null" if value is None else str(value).lower()):
                return value
    raise ValueError("not one of the allowed values")


def options_of(schema: JSONSchema) -> list[JSONSchema]:
    """The alternatives that a schema gives, a list of types included."""
    for key in ("anyOf", "oneOf"):
        if isinstance(options := schema.get(key), list):
            return [mapping(option) for option in options]
    if isinstance(types := schema.get("type"), list):
        return [schema | {"type": name} for name in types if isinstance(name, str)]
    return []


def _first_fit(text: str, options: Sequence[JSONSchema], root: JSONSchema, depth: int) -> Any:
    """Every text is a string, so strings are tried last; quoted text is nothing else, so then they come first."""
    quoted = is_quoted(text)
    for option in sorted(options, key=lambda option: _is_text(followed(option, root)) is not quoted):
        try:
            return _convert(text, option, root, depth + 1)
        except ValueError:
            continue
    raise ValueError("fits none of the alternatives")


def _is_text(schema: JSONSchema) -> bool:
    return schema.get("type") == "string" and allowed_by(schema) is None


def _array(text: str, items: object, root: JSONSchema, depth: int) -> list[Any]:
    try:
        if isinstance(value := _json(text), list):
            return value
    except ValueError:
        pass
    return [coerce(part, items, root, depth + 1) for part in _items(text) if part]


def _items(text: str) -> list[str]:
    for separator in _SEPARATORS:
        if len(parts := split_outside_quotes(text, separator)) > 1:
            return parts
    return [text]


def _integer(text: str) -> int:
    if (number := _number(text)) != int(number):
        raise ValueError("not a whole number")
    return int(number)


def _number(text: str) -> int | float:
    plain = _unquoted(text).rstrip(".!?")
    return int(plain) if re.fullmatch(r"[+-]?\d+", plain) else _finite(plain)


def _boolean(text: str) -> bool:
    word = _unquoted(text).rstrip(".!?").lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("neither true nor false")
    return word in _TRUE


def _null(text: str) -> None:
    if text.lower() not in {"null", "none"}:
        raise ValueError("not null")


def _object(text: str) -> dict[str, Any]:
    if not isinstance(value := _json(text), dict):
        raise ValueError("not a JSON object")
    return value


def _anything(text: str) -> Any:
    try:
        return _json(text)
    except ValueError:
        return _unquoted(text)


def _unquoted(text: str) -> str:
    if not is_quoted(text):
        return text
    try:
        return str(_json(text))
    except ValueError:
        return text[1:-1]


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite, strict=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError("JSON has no such number")
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}")


_SCALARS: dict[str, Callable[[str], Any]] = {
    "string": _unquoted,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "null": _null,
    "object": _object,
}
