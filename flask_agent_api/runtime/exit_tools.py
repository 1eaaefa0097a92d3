"""Tools that a model calls to say that it has finished: they do nothing, and clients never see them."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..types import RunRequest
from ..types import ToolCall


@dataclass(frozen=True, slots=True)
class ExitTool:
    """A tool whose call ends the run. What the model wrote before is the answer."""

    name: str
    description: str

    @property
    def spec(self) -> Mapping[str, Any]:
        """The tool as an entry of ``tools``. Its parameter is for providers that take no function without one."""
        trigger = {"type": "boolean", "description": "Always true."}
        parameters = {"type": "object", "properties": {"trigger": trigger}}
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": parameters},
        }


def exits_of(tools: Collection[ExitTool], request: RunRequest, taken: Collection[str]) -> Iterator[ExitTool]:
    """The exit tools that a run offers: a real tool, the client's too, keeps its name.

    None if the request forces a call of the client's tools, which an exit would evade.
    """
    if request.tool_choice == "auto":
        yield from (tool for tool in tools if tool.name not in taken)


def until_exit(calls: list[ToolCall], exits: Collection[str]) -> list[ToolCall]:
    """The calls before the first one that ends the run: those after it are not made."""
    end = next((position for position, call in enumerate(calls) if call.name in exits), len(calls))
    return calls[:end]
