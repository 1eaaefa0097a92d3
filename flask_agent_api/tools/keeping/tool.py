"""A tool on a caller's records."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ...concurrency import offload
from ...context import RunContext
from ...types import JSONSchema
from .records import RecordFile
from .records import Records
from .records import Shelf

Do = Callable[[Records, Mapping[str, Any]], Any]
"""The work of a tool: alters or reads the records. It raises :class:`~flask_agent_api.errors.ToolError`."""


class RecordTool:
    """Reads or changes the records of the one who asks. ``optional`` names the parameters that may be left out.

    ``say`` makes the result of what the work gives; it gets the room there is for it, in characters.
    """

    timeout: float | None = None
    needs = "memory"

    def __init__(
        self,
        file: RecordFile,
        kind: str,
        name: str,
        description: str,
        properties: Mapping[str, JSONSchema],
        do: Do,
        say: Callable[[Any, int], str],
        *,
        optional: tuple[str, ...] = (),
        read_only: bool = False,
    ) -> None:
        self.name = name
        self.description = description
        self.read_only = read_only
        required = [key for key in properties if key not in optional]
        self.parameters: JSONSchema = {"type": "object", "properties": dict(properties), "required": required}
        self._file = file
        self._kind = kind
        self._do = do
        self._say = say

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Does the work in a thread. Raises :class:`ToolError`; then nothing has changed."""
        return self._say(offload(self._work, arguments, ctx), ctx.settings.tool_output_chars)

    def _work(self, arguments: Mapping[str, Any], ctx: RunContext) -> Any:
        shelf = Shelf(self._file.path(ctx.settings), self._kind, ctx.principal.id)
        if self.read_only:
            return self._do(shelf.read(), arguments)
        return shelf.change(lambda records: self._do(records, arguments))
