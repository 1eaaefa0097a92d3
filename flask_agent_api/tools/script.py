"""The toolset ``script``: commands of the file's author, each a tool whose arguments are environment variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ..context import RunContext
from ..errors import ToolError
from ..redaction import keep_secrets
from ..structured.json_schema import Invalid
from ..structured.json_schema import Schema
from ..types import JSONSchema
from ..types import ToolResult
from .base import Tool
from .process import RunningCommand
from .shell.place import Place
from .shell.words import ended
from .shell.words import report

_INSTRUCTIONS = "Each of these tools runs one fixed command of this server: {names}."


@dataclass(frozen=True, slots=True)
class Script:
    """A command, and the JSON Schema of the arguments that it gets as variables. ``env`` are variables besides.

    ``schema`` is ``parameters`` in the form that checks.
    """

    name: str
    cmd: str
    description: str
    parameters: JSONSchema
    schema: Schema
    place: Place
    env: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        keep_secrets(self.env)


class ScriptToolset:
    """One tool for each script."""

    kind = "script"

    def __init__(self, name: str, scripts: Sequence[Script]) -> None:
        self.name = name
        self._tools = tuple(map(ScriptTool, scripts))

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The tools, always the same."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """What all of them have in common."""
        return _INSTRUCTIONS.format(names=", ".join(tool.name for tool in self._tools))


class ScriptTool:
    """Runs its command. What a model writes is never part of the command, only of the variables that it may read."""

    read_only = False
    timeout: float | None = float("inf")  # its own, so that the model gets the output until then
    needs = "script"

    def __init__(self, script: Script) -> None:
        self.name = script.name
        self.description = script.description
        self.parameters = script.parameters
        self._script = script

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult:
        """What the command wrote. Raises :class:`ToolError` for arguments that do not fit."""
        env = {**self._script.env, **self._variables(arguments)}
        running = RunningCommand(self._script.place.script(self._script.cmd, ctx, env))
        exit_code = running.finish(min(ctx.settings.tool_timeout, ctx.remaining))
        head = ""
        if exit_code is None:
            head = "Error: the command took too long and was stopped. Its output until then:"
        elif exit_code:
            head = f"Error: the command failed: {ended(exit_code)}. Its output:"
        return ToolResult(report(head, running.stdout, ctx.settings.tool_output_chars), bool(head))

    def _variables(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        """The declared arguments as text. Others are left out: a model that makes up PATH must not set it."""
        declared: Mapping[str, JSONSchema] = self.parameters["properties"]
        given = {
            name: _coerced(arguments[name], schema)
            for name, schema in declared.items()
            if arguments.get(name) is not None
        }
        for name in self.parameters["required"]:
            if name not in given:
                raise ToolError(f"`{name}` is missing")
        try:
            self._script.schema.check(given)
        except Invalid as exc:
            raise ToolError(f"the arguments do not fit the parameters of the tool: one {exc}") from None
        variables = {name: _text(value) for name, value in given.items()}
        for name, text in variables.items():
            if "\0" in text:
                raise ToolError(f"`{name}` must not have NUL in it")
        return variables


def _coerced(value: Any, schema: JSONSchema) -> Any:
    """A number where a text is asked for is its text, and a text in the place of anything else what it says."""
    if schema.get("type") == "string":
        return _text(value)
    if not isinstance(value, str) or "type" not in schema:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _text(value: Any) -> str:
    """A value as a command can read it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
