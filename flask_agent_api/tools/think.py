"""A place for the model to think aloud between other tool calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..context import RunContext
from ..errors import ToolError
from ..types import JSONSchema
from .base import Tool

_INSTRUCTIONS = """\
You have a `think` tool: a notepad that nobody else reads and that changes nothing.
Use it before you act and when a result surprises you: write down what is asked, which rules apply, whether you have \
all you need, and what the next step is. Do not use it for an answer or for a task that takes no planning."""


class ThinkToolset:
    """The tool ``think``. Its notes last for one run."""

    kind = "think"

    def __init__(self, name: str = "think") -> None:
        self.name = name
        self._tools = (_Think(name),)

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The one tool."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """When to think, and when not."""
        return _INSTRUCTIONS


class _Think:
    name = "think"
    description = "Write down a thought. It is kept with your earlier ones and all of them are given back."
    read_only = True
    timeout: float | None = None
    needs = ""
    parameters: JSONSchema = {
        "type": "object",
        "properties": {"thought": {"type": "string", "description": "The thought."}},
        "required": ["thought"],
    }

    def __init__(self, toolset: str) -> None:
        self._toolset = toolset

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Appends the thought and returns the log. Raises :class:`ToolError` if there is no thought."""
        thought = arguments.get("thought")
        if not isinstance(thought, str) or not thought.strip():
            raise ToolError("`thought` must be text that is not empty")
        log: list[str] = ctx.state.setdefault(self._toolset, [])
        log.append(thought.strip())
        return "Thoughts so far:\n" + "\n".join(log)
