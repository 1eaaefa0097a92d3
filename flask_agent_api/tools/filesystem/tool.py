"""What all file tools have in common: they work in a thread, where the disk holds nobody up."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ...concurrency import offload
from ...context import RunContext
from ...types import JSONSchema
from ...types import ToolResult
from .bounds import Work
from .jail import Jail

Do = Callable[[Jail, Mapping[str, Any], Work], "ToolResult | str"]
"""The work of a tool. It raises :class:`~flask_agent_api.errors.ToolError`."""

TEXT: JSONSchema = {"type": "string"}
TEXTS: JSONSchema = {"type": "array", "items": TEXT}
FLAG: JSONSchema = {"type": "boolean"}
COUNT: JSONSchema = {"type": "integer", "minimum": 1}


def described(schema: JSONSchema, description: str) -> JSONSchema:
    """A parameter with what it is for."""
    return {**schema, "description": description}


class FileTool:
    """A tool on the files of a jail. ``optional`` names the parameters that may be left out."""

    timeout: float | None = None

    def __init__(
        self,
        jail: Jail,
        name: str,
        description: str,
        properties: Mapping[str, JSONSchema],
        do: Do,
        *,
        optional: tuple[str, ...] = (),
        writes: bool = False,
    ) -> None:
        self.name = name
        self.description = description
        self.read_only = not writes
        self.needs = "write" if writes else ""
        required = [key for key in properties if key not in optional]
        self.parameters: JSONSchema = {"type": "object", "properties": dict(properties), "required": required}
        self._jail = jail
        self._do = do

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult | str:
        """Does the work. Raises :class:`ToolError`. A call that is ended leaves a thread behind, which soon ends."""
        work = Work(ctx.settings.tool_output_chars)
        try:
            return offload(self._do, self._jail, arguments, work)
        finally:
            work.end()
