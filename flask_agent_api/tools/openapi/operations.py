"""The operations of an OpenAPI description, each as a tool will have it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ...types import JSONSchema
from ..names import fit_name
from .schemas import Schemas
from .spec import Spec

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
"""The methods whose operations become tools."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_PLACES = re.compile(r"\{([^{}]+)\}")
_SEPARATORS = re.compile(r"[/.\-_]+")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset(
    {"accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "cookie", "host",
     "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "user-agent"}
)  # fmt: skip
_DESCRIPTION_CHARS = 200


@dataclass(frozen=True, slots=True)
class Operation:
    """One request that can be made. ``places`` says of each argument where it goes: path, query, header or body.

    With ``whole_body`` the argument ``body`` is the body; otherwise it is an object of the arguments ``body_NAME``.
    """

    name: str
    description: str
    method: str
    path: str
    parameters: JSONSchema
    places: Mapping[str, str] = field(default_factory=dict)
    whole_body: bool = False

    @property
    def read_only(self) -> bool:
        """Whether its method promises to change nothing."""
        return self.method in _READING


def operations(spec: Spec) -> list[Operation]:
    """All operations, in the order of the paths; names that occur again get a number."""
    found: dict[str, Operation] = {}
    for path, method, item, operation in _entries(spec):
        wanted = tool_name(operation.get("operationId"), method, path)
        name, number = wanted, 2
        while name in found:
            name, number = f"{wanted[:60]}_{number}", number + 1
        found[name] = _operation(spec, name, method, path, item, operation)
    return list(found.values())


def tool_name(operation_id: Any, method: str, path: str) -> str:
    """The operation's own name, or ``get_users_id`` for ``GET /users/{id}``, as names of tools may be."""
    text = operation_id if isinstance(operation_id, str) and operation_id.strip() else f"{method}_{path}"
    return fit_name(_SEPARATORS.sub("_", re.sub(r"[{}]", "", text)).strip("_")) or method


def _entries(spec: Spec) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    for path, value in spec.data["paths"].items():
        item = spec.resolve(value)
        for method in METHODS:
            if isinstance(path, str) and path.startswith("/") and isinstance(item.get(method), dict):
                yield path, method, item, item[method]


def _operation(
    spec: Spec, name: str, method: str, path: str, item: dict[str, Any], operation: dict[str, Any]
) -> Operation:
    schemas = Schemas(spec)
    arguments = _Arguments()
    for parameter in _parameters(spec, item, operation):
        schema = schemas.written(parameter.get("schema"))
        if isinstance(parameter.get("description"), str):
            schema["description"] = parameter["description"]
        arguments.add(parameter["name"], parameter["in"], schema, parameter.get("required") is True)
    for place in _PLACES.findall(path):
        arguments.add(place, "path", {"type": "string"}, required=True)
    whole = _add_body(spec, schemas, operation, arguments)
    description = _description(operation) or f"{method.upper()} {path}"
    return Operation(name, description, method.upper(), path, arguments.schema(), arguments.places, whole)


class _Arguments:
    """The arguments of an operation; the first of a name stays."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}
        self._properties: dict[str, JSONSchema] = {}
        self._required: list[str] = []

    def add(self, name: str, place: str, schema: JSONSchema, required: bool) -> None:
        if name not in self.places:
            self.places[name] = place
            self._properties[name] = schema
            self._required += [name] if required else []

    def schema(self) -> JSONSchema:
        required = {"required": self._required} if self._required else {}
        return {"type": "object", "properties": self._properties, **required}


def _parameters(spec: Spec, item: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    """The operation's own parameters before those of its path, as far as they can be sent."""
    listed = [each for level in (operation, item) if isinstance(each := level.get("parameters"), list)]
    found = [spec.resolve(parameter) for level in listed for parameter in level]
    return [each for each in found if isinstance(each.get("name"), str) and _can_be_sent(each)]


def _can_be_sent(parameter: dict[str, Any]) -> bool:
    place, name = parameter.get("in"), parameter["name"]
    return place in {"path", "query"} or (
        place == "header" and _HEADER.fullmatch(name) is not None and name.lower() not in _OURS
    )


def _add_body(spec: Spec, schemas: Schemas, operation: dict[str, Any], arguments: _Arguments) -> bool:
    """Adds ``body_NAME`` for each field of a JSON body; ``body``, and true, for one that is no object with fields."""
    body = spec.resolve(operation.get("requestBody"))
    content = spec.resolve(body.get("content"))
    kinds = [kind for kind in content if re.match(r"application/(.+\+)?json\b|\*/\*", str(kind))]
    if not kinds:
        return False
    schema = spec.resolve(content[kinds[0]]).get("schema")
    fields, required = schemas.fields(schema)
    for name, value in fields.items():
        arguments.add(f"body_{name}", "body", schemas.written(value), name in required)
    if not fields:
        arguments.add("body", "body", schemas.written(schema), body.get("required") is True)
    return not fields


def _description(operation: dict[str, Any]) -> str:
    summary, description = operation.get("summary"), operation.get("description")
    if isinstance(summary, str) and summary:
        return summary
    if not isinstance(description, str):
        return ""
    return f"{description[:_DESCRIPTION_CHARS]}..." if len(description) > _DESCRIPTION_CHARS else description
