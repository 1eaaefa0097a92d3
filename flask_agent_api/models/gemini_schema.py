"""JSON Schemas of tools in the words that Gemini knows: for a single other one it refuses the whole request."""

from __future__ import annotations

from typing import Any

_KEYWORDS = frozenset(
    {
        "type", "format", "title", "description", "nullable", "enum", "items", "minItems", "maxItems", "properties",
        "required", "minProperties", "maxProperties", "minimum", "maximum", "minLength", "maxLength", "pattern",
        "example", "anyOf", "default",
    }
)  # fmt: skip
_MAX_DEPTH = 32


def gemini_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with references filled in, ``const``, ``oneOf`` and lists of types said otherwise, and no others."""
    definitions = {f"#/{where}/{name}": inner for where in ("$defs", "definitions")
                   for name, inner in (schema.get(where) or {}).items()}  # fmt: skip
    return _schema(schema, definitions, 0)


def _schema(schema: Any, definitions: dict[str, Any], depth: int) -> dict[str, Any]:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return {}
    if "$ref" in schema:
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        schema = {**(definitions.get(schema["$ref"]) or {"type": "object"}), **rest}
    for part in schema.get("allOf") or ():
        schema = {**_resolved(part, definitions), **schema}
    schema = _reworded(schema)
    kept = {name: value for name, value in schema.items() if name in _KEYWORDS}
    if isinstance(kept.get("properties"), dict):
        kept["properties"] = {
            name: _schema(inner, definitions, depth + 1) for name, inner in kept["properties"].items()
        }
        known = kept["properties"]
        kept["required"] = [name for name in kept.get("required") or () if name in known]
    if "items" in kept:
        kept["items"] = _schema(kept["items"], definitions, depth + 1)
    if "anyOf" in kept:
        kept["anyOf"] = [_schema(inner, definitions, depth + 1) for inner in kept["anyOf"]]
    return {name: value for name, value in kept.items() if value not in ([], None)}


def _resolved(part: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(part, dict):
        return {}
    resolved: dict[str, Any] = definitions.get(part.get("$ref", ""), part)
    return resolved


def _reworded(schema: dict[str, Any]) -> dict[str, Any]:
    """The same with the keywords that there are: ``enum`` for texts, ``anyOf``, ``nullable``."""
    schema = dict(schema)
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if "enum" in schema and not all(isinstance(value, str) for value in schema["enum"]):
        allowed = ", ".join(map(str, schema.pop("enum")))
        schema["description"] = f"{schema.get('description', '')} One of: {allowed}.".strip()
    if "oneOf" in schema:
        schema["anyOf"] = [*(schema.get("anyOf") or ()), *schema["oneOf"]]
    if isinstance(kinds := schema.get("type"), list):
        named = [kind for kind in kinds if kind != "null"]
        if "null" in kinds:
            schema["nullable"] = True
        schema["type"] = named[0] if named else "string"
        if len(named) > 1:
            del schema["type"]
            schema["anyOf"] = [{"type": kind} for kind in named]
    return schema
