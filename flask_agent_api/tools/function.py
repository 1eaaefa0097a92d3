"""Python functions as tools: the schema comes from the signature, the descriptions from the docstring."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import overload

import pydantic

from ..context import RunContext
from ..errors import ConfigError
from ..errors import ToolError
from ..grants import GRANTS
from ..params import nearest
from ..types import JSONSchema
from ..types import ToolResult
from .base import Tool
from .function_process import FunctionProcess
from .returned import as_result
from .signature import read_signature


class FunctionTool:
    """A Python function that a model can call. Calling the object calls the function itself.

    A parameter called ``ctx``, or annotated with :class:`RunContext`, gets the run's context and is hidden from
    the model. An ``async def`` runs on the process's event loop. The result may be text, a :class:`ToolResult`,
    or anything that JSON can hold. With ``process`` each call has a process of its own.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        read_only: bool = False,
        timeout: float | None = None,
        needs: str = "",
        process: bool = False,
    ) -> None:
        if needs and needs not in GRANTS:
            raise ConfigError(f"Unknown need {needs!r}{nearest(needs, GRANTS)}. There are: {', '.join(GRANTS)}")
        self._signature = read_signature(function, name)
        self.function = function
        self.name = self._signature.name
        self.description = description or self._signature.description
        self.parameters: JSONSchema = self._signature.schema
        self.read_only = read_only
        self.timeout = timeout
        self.needs = needs
        self._process = FunctionProcess(function, self.name, self._signature.context_name) if process else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult | str:
        """Validates the arguments and calls the function. Raises :class:`ToolError` for wrong arguments."""
        try:
            values = self._signature.validate(arguments)
        except pydantic.ValidationError as exc:
            raise ToolError(f"wrong arguments: {_problems(exc)}") from None
        if self._process is not None:
            seconds = ctx.settings.tool_timeout if self.timeout is None else self.timeout
            return self._process.call(arguments, min(seconds, ctx.remaining))
        if self._signature.context_name:
            values[self._signature.context_name] = ctx
        return as_result(self.function(**values), ctx.settings.tool_output_chars)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(
    *,
    name: str | None = ...,
    description: str | None = ...,
    read_only: bool = ...,
    timeout: float | None = ...,
    needs: str = ...,
    process: bool = ...,
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    read_only: bool = False,
    timeout: float | None = None,
    needs: str = "",
    process: bool = False,
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Makes a function a tool.

    ``name`` defaults to the function's, ``description`` to the first part of its docstring, whose Google style
    ``Args:`` section describes the parameters. ``read_only`` promises that a call changes nothing, so calls may
    run in parallel. ``timeout`` in seconds overrides the server's setting for this tool. ``needs`` is
    a word of ``AGENT_API_ALLOW`` without which calls are refused. ``process`` runs each call in a new process that the
    time limit ends whatever it does: for what computes for long, or may crash. Such a function stands at the top level
    of a module and gets no context.

    Raises :class:`ConfigError` if the signature cannot be described by a JSON Schema, for an unknown need, and for
    a function that no other process can find.
    """

    def decorate(function: Callable[..., Any]) -> FunctionTool:
        return FunctionTool(
            function,
            name=name,
            description=description,
            read_only=read_only,
            timeout=timeout,
            needs=needs,
            process=process,
        )

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

    def instructions(self, ctx: RunContext) -> str:
        """Nothing: each tool describes itself."""
        return ""


def import_tools(paths: Sequence[str]) -> FunctionToolset:
    """Tools by import string ``module:attr``, where ``attr`` is a function or made by :func:`tool`.

    Raises :class:`ConfigError` that names the string and what is wrong with it.
    """
    return FunctionToolset(", ".join(paths), [_import_tool(path) for path in paths])


def _import_tool(path: str) -> Tool:
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute or module_name.startswith("."):
        raise ConfigError(f"Tool {path!r}: expected an import string like 'package.module:function'")
    try:
        module = importlib.import_module(module_name)
    except Exception as exc:
        raise ConfigError(f"Tool {path!r}: importing {module_name} failed: {type(exc).__name__}: {exc}") from exc
    found = getattr(module, attribute, None)
    if found is None:
        near = difflib.get_close_matches(attribute, vars(module), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"Tool {path!r}: the module {module_name} has no {attribute!r}{hint}")
    if callable(getattr(found, "call", None)):
        return found  # type: ignore[no-any-return]
    if not callable(found):
        raise ConfigError(f"Tool {path!r} is neither a function nor a tool")
    return FunctionTool(found)


def _problems(exc: pydantic.ValidationError) -> str:
    problems = exc.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems[:5])
