"""What a model gets to know of a Python function: names, types and descriptions of what it takes."""

from __future__ import annotations

import functools
import inspect
import re
import types
import typing
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pydantic
from pydantic.json_schema import GenerateJsonSchema

from ..context import RunContext
from ..errors import ConfigError
from ..types import JSONSchema

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SECTION = re.compile(r"^(Args|Returns|Yields|Raises):[ \t]*$", re.MULTILINE)
_ARGUMENT = re.compile(r"\*{0,2}(\w+)\s*(?:\(.*?\))?:\s*(.*)")


@dataclass(frozen=True, slots=True)
class Signature:
    """A function as a tool. ``context_name`` is the parameter that gets the run's context, empty for none."""

    name: str
    description: str
    schema: JSONSchema
    context_name: str
    model: type[pydantic.BaseModel]

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments for the function. Raises :class:`pydantic.ValidationError`."""
        checked = self.model.model_validate(arguments)
        return {str(info.alias): getattr(checked, field) for field, info in self.model.model_fields.items()}


def read_signature(function: Callable[..., Any], name: str | None = None) -> Signature:
    """The function's signature, by ``name`` or else its own.

    Raises :class:`ConfigError` for a name that no model may call, and for parameters that no JSON Schema can describe.
    """
    origin = function
    while isinstance(origin, functools.partial):
        origin = origin.func
    name = name or str(getattr(origin, "__name__", type(origin).__name__))
    if not _NAME.fullmatch(name):
        raise ConfigError(f"Tool {name!r}: its name may have letters, digits, _ and -, 64 at the most. Set `name`.")
    description, described = read_docstring(inspect.getdoc(origin) or "")
    try:
        context_name, fields = _fields(function, origin, described)
        model = pydantic.create_model(name, __config__=pydantic.ConfigDict(extra="forbid"), **fields)
        schema = _untitled(model.model_json_schema(schema_generator=_SchemaGenerator))
    except (pydantic.errors.PydanticUserError, NameError, TypeError, ValueError) as exc:
        raise ConfigError(f"Tool {name!r}: its signature cannot be described to a model: {exc}") from exc
    schema.pop("description", None)
    schema.setdefault("properties", {})
    return Signature(name, description, schema, context_name, model)


def _fields(
    function: Callable[..., Any], origin: Callable[..., Any], described: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    """The name of the context parameter (or empty), and pydantic fields for all others.

    The fields have names of their own, since a parameter may be called like a method of pydantic's models.
    """
    context_name = ""
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise ValueError(f"parameter {parameter.name!r} cannot be passed by name")
        hint = Any if parameter.name == "ctx" else _hint(parameter, origin)
        if parameter.name == "ctx" or hint is RunContext:
            context_name = parameter.name
            continue
        extra: dict[str, Any] = {"description": described[parameter.name]} if parameter.name in described else {}
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[f"argument_{len(fields)}"] = (hint, pydantic.Field(default, alias=parameter.name, **extra))
    return context_name, fields


def _hint(parameter: inspect.Parameter, origin: Callable[..., Any]) -> Any:
    """The type of one parameter; the others, and what is returned, need not be known at run time."""
    if parameter.annotation is parameter.empty:
        return Any
    function = inspect.unwrap(origin)
    if not inspect.isroutine(function):
        function = type(function).__call__
    names = getattr(function, "__globals__", {})
    holder = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    return typing.get_type_hints(holder, names, include_extras=True)[parameter.name]


class _SchemaGenerator(GenerateJsonSchema):
    """A default that JSON cannot hold is left out without a warning: the function knows it."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}


def _untitled(node: Any) -> Any:
    """The schema without pydantic's titles, which only cost tokens."""
    if isinstance(node, list):
        return [_untitled(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    return {key: value if key in {"default", "const", "enum"} else _untitled(value) for key, value in kept.items()}


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The part of a docstring before its first Google style section, and its ``Args:`` section by name."""
    summary, *sections = _SECTION.split(text)
    described: dict[str, str] = {}
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        if title == "Args":
            described = _arguments(body.strip("\n"))
    return summary.strip(), described


def _arguments(body: str) -> dict[str, str]:
    described: dict[str, str] = {}
    name, indent = "", len(body) - len(body.lstrip())
    for line in body.splitlines():
        depth = len(line) - len(line.lstrip())
        if not line.strip():
            continue
        if depth < indent:
            break
        found = _ARGUMENT.fullmatch(line.strip()) if depth <= indent else None
        if found:
            name = found[1]
            described[name] = found[2]
        elif name:
            described[name] = f"{described[name]} {line.strip()}".strip()
    return described
