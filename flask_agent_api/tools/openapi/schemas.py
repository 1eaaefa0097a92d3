"""Schemas of OpenAPI as tools have them: references written out, only so deep, without what models cannot use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...types import JSONSchema
from .spec import Spec

MAX_DEPTH = 6
"""How deep schemas may be nested; what is deeper, or refers to itself, is left open."""

MAX_NODES = 300
"""Schemas that one tool may hold."""

_NUMBERS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_CHOICES = ("anyOf", "oneOf", "allOf")


@dataclass(slots=True)
class Schemas:
    """Writes the schemas of one tool."""

    spec: Spec
    left: int = MAX_NODES

    def written(self, value: Any, depth: int = MAX_DEPTH) -> JSONSchema:
        """The schema without references. One without a type is a text, as in docker-agent."""
        schema = self.spec.resolve(value)
        self.left -= 1
        written = _plain(schema)
        if depth and self.left > 0:
            self._add_parts(written, schema, depth - 1)
        if not written.keys() & {"type", "enum", *_CHOICES}:
            written["type"] = "object" if "properties" in schema else "string"
        if schema.get("nullable") is True and isinstance(written.get("type"), str):
            written["type"] = [written["type"], "null"]
        return written

    def _add_parts(self, written: JSONSchema, schema: Mapping[str, Any], depth: int) -> None:
        if isinstance(properties := schema.get("properties"), dict):
            written["properties"] = {str(name): self.written(value, depth) for name, value in properties.items()}
            if required := [name for name in _texts(schema.get("required")) if name in properties]:
                written["required"] = required
        if isinstance(schema.get("items"), dict):
            written["items"] = self.written(schema["items"], depth)
        for key in _CHOICES:
            if isinstance(choices := schema.get(key), list) and choices:
                written[key] = [self.written(choice, depth) for choice in choices]

    def fields(self, value: Any, depth: int = MAX_DEPTH) -> tuple[dict[str, Any], list[str]]:
        """The properties of an object, those of all parts of an ``allOf``, and the names that it requires."""
        schema = self.spec.resolve(value)
        fields: dict[str, Any] = {}
        required: list[str] = []
        parts = schema.get("allOf") if depth else None
        for part in parts if isinstance(parts, list) else []:
            more, names = self.fields(part, depth - 1)
            fields.update(more)
            required += names
        fields.update(self.spec.resolve(schema.get("properties")))
        return fields, [*required, *_texts(schema.get("required"))]


def _plain(schema: Mapping[str, Any]) -> JSONSchema:
    kept: JSONSchema = {}
    kind = schema.get("type")
    if isinstance(kind, str) or (isinstance(kind, list) and _texts(kind) == kind):
        kept["type"] = kind
    if isinstance(schema.get("description"), str):
        kept["description"] = schema["description"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        kept["enum"] = schema["enum"]
    if "default" in schema:
        kept["default"] = schema["default"]
    if isinstance(schema.get("format"), str):
        kept["format"] = schema["format"]
    kept.update({name: schema[name] for name in _NUMBERS if type(schema.get(name)) in {int, float}})
    return kept


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
