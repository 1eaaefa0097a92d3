"""Python functions as tools: the schema comes from the signature, the descriptions from the docstring."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import typing
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import overload

import pydantic

from .. import loop_thread
from ..context import RunContext
from ..errors import ConfigError
from ..errors import ToolError
from ..types import JSONSchema
from ..types import ToolResult
from .base import Tool

_ARGUMENT = re.compile(r"^(?:\s+)\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.+)$")


class FunctionTool:
    """A Python function that a model can call. Calling the object calls the function itself.

    A parameter called ``ctx``, or annotated with :class:`RunContext`, gets the run's context and is hidden from
    the model. An ``async def`` runs on the process's event loop. The result may be text, a :class:`ToolResult`,
    or anything that JSON can hold.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        read_only: bool = False,
        timeout: float | None = None,
    ) -> None:
        summary, arguments = _docstring(inspect.getdoc(function) or "")
        self.function = function
        self.name = name or function.__name__
        self.description = description or summary
        self.read_only = read_only
        self.timeout = timeout
        self._context_name, self._arguments = _arguments_model(function, self.name, arguments)
        self.parameters: JSONSchema = {"properties": {}} | _plain(self._arguments.model_json_schema())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult | str:
        """Validates the arguments and calls the function. Raises :class:`ToolError` for wrong arguments."""
        try:
            checked = self._arguments.model_validate(arguments)
        except pydantic.ValidationError as exc:
            raise ToolError(f"Wrong arguments: {_problems(exc)}") from None
        values = {name: getattr(checked, name) for name in type(checked).model_fields}
        if self._context_name:
            values[self._context_name] = ctx
        result = self.function(**values)
        if inspect.isawaitable(result):
            result = loop_thread.run(_awaited(result))
        return _result(result)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(
    *, name: str | None = ..., description: str | None = ..., read_only: bool = ..., timeout: float | None = ...
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    read_only: bool = False,
    timeout: float | None = None,
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Makes a function a tool.

    ``name`` defaults to the function's, ``description`` to the first part of its docstring, whose Google style
    ``Args:`` section describes the parameters. ``read_only`` promises that a call changes nothing, so calls may
    run in parallel. ``timeout`` in seconds overrides the server's setting for this tool.

    Raises :class:`ConfigError` if the signature cannot be described by a JSON Schema.
    """

    def decorate(function: Callable[..., Any]) -> FunctionTool:
        return FunctionTool(function, name=name, description=description, read_only=read_only, timeout=timeout)

    return decorate if function is None else decorate(function)


class FunctionToolset:
    """A fixed set of Python tools."""

    kind = "python"

    def __init__(self, name: str, tools: Sequence[Tool]) -> None:
        self.name = name
        self._tools = tuple(tools)

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The tools, always the same."""
        return self._tools

    def instructions(self) -> str:
        """Nothing: each tool describes itself."""
        return ""


def import_tools(paths: Sequence[str]) -> FunctionToolset:
    """Tools by import string ``module:attr``, where ``attr`` is a function or made by :func:`tool`.

    Raises :class:`ConfigError` that names the string and what is wrong with it.
    """
    return FunctionToolset(", ".join(paths), [_import_tool(path) for path in paths])


def _import_tool(path: str) -> Tool:
    module_name, _, attribute = path.partition(":")
    if not attribute:
        raise ConfigError(f"Tool {path!r}: expected an import string like 'package.module:function'")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as exc:
        raise ConfigError(f"Tool {path!r}: {exc}") from exc
    if callable(getattr(found, "call", None)):
        return found  # type: ignore[no-any-return]
    if not callable(found):
        raise ConfigError(f"Tool {path!r} is neither a function nor a tool")
    return FunctionTool(found)


def _arguments_model(
    function: Callable[..., Any], name: str, described: dict[str, str]
) -> tuple[str, type[pydantic.BaseModel]]:
    """The name of the context parameter (or empty), and a pydantic model of all others."""
    hints = typing.get_type_hints(function, include_extras=True)
    context_name, fields = "", {}
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name, Any)
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise ConfigError(f"Tool {name!r}: parameter {parameter.name!r} cannot be passed by name")
        if parameter.name == "ctx" or hint is RunContext:
            context_name = parameter.name
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hint, pydantic.Field(default, description=described.get(parameter.name)))
    config = pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=False)
    try:
        return context_name, pydantic.create_model(name, __config__=config, **fields)  # type: ignore[call-overload]
    except pydantic.errors.PydanticUserError as exc:
        raise ConfigError(f"Tool {name!r}: its signature cannot be described to a model: {exc.message}") from exc


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """The part before the first section, and the ``Args:`` section by name."""
    summary, _, rest = text.partition("\nArgs:\n")
    described: dict[str, str] = {}
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            break
        if found := _ARGUMENT.match(line):
            described[found[1]] = found[2].strip()
    return re.split(r"\n(?:Returns|Raises|Yields):\n", summary)[0].strip(), described


def _plain(schema: JSONSchema) -> JSONSchema:
    """The schema without pydantic's titles, which only cost tokens."""
    schema.pop("title", None)
    for node in [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]:
        _plain(node)
    return schema


def _problems(exc: pydantic.ValidationError) -> str:
    problems = exc.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems[:5])


async def _awaited(result: Any) -> Any:
    return await result


def _result(result: Any) -> ToolResult | str:
    if isinstance(result, str | ToolResult):
        return result
    if result is None:
        return ""
    if isinstance(result, pydantic.BaseModel):
        return result.model_dump_json()
    return json.dumps(result, ensure_ascii=False, default=str)
