"""JSON Schemas of file formats, made of the tables of fields that the loaders go by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .section import Fields

DIALECT = "https://json-schema.org/draft/2020-12/schema"

JSONObject = dict[str, Any]


def object_schema(fields: Fields, docs: Mapping[str, str], inner: Mapping[str, JSONObject] | None = None) -> JSONObject:
    """A mapping with these fields and no others, each of which may be null.

    ``inner`` says more of some fields than that they hold a mapping or a list. A field that is not supported yet says
    so in its description.
    """
    properties = {}
    for name in fields:
        kind = fields.kind(name)
        schema = nullable((inner or {}).get(name) or dict(kind.schema if kind else {}))
        doc = docs.get(name, "") + (" Not supported yet." if name in fields.later else "")
        properties[name] = {"description": doc.strip(), **schema} if doc else schema
    return {"type": "object", "additionalProperties": False, "properties": properties}


def nullable(schema: JSONObject) -> JSONObject:
    """The same, or null: an empty value in YAML counts as a field that is not there."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return {**schema, "type": [*kinds, "null"]}
    return {"anyOf": [schema, {"type": "null"}]} if schema else {}


def map_of(schema: JSONObject) -> JSONObject:
    """A mapping of names to that."""
    return {"type": "object", "additionalProperties": schema}


def list_of(schema: JSONObject) -> JSONObject:
    """A list of that."""
    return {"type": "array", "items": schema}


def reference(name: str) -> JSONObject:
    """To a definition of the document."""
    return {"$ref": f"#/$defs/{name}"}
