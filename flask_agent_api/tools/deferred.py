"""Tools that a model gets only when it asks for them, so that many do not crowd its context."""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..context import RunContext
from ..errors import ToolError
from ..types import JSONSchema
from .around import ToolsetAround
from .base import Tool
from .base import Toolset
from .narrowed import warn_of_unknown
from .tool_search import best_tools

_MOST_FOUND = 30
_INSTRUCTIONS = """\
There are more tools than you can see. When none of yours fits, call search_tool with a few words about what you want \
to do, then add_tool with the name of a tool that it found: you can call that tool from then on."""

logger = logging.getLogger("flask_agent_api.tools")


@dataclass(frozen=True, slots=True)
class Deferred:
    """A toolset with tools that are hidden at first: those called ``names``, or all of them if that is None."""

    toolset: Toolset
    names: Collection[str] | None = None

    def hides(self, name: str) -> bool:
        """Whether a tool has to be asked for."""
        return self.names is None or name in self.names


@dataclass(frozen=True, slots=True)
class Hidden:
    """A tool that was deferred, and the toolset that it comes from."""

    tool: Tool
    toolset: Toolset


class VisibleToolset(ToolsetAround):
    """What is left of a toolset of which some tools are deferred."""

    def __init__(self, deferred: Deferred) -> None:
        super().__init__(deferred.toolset)
        self._deferred = deferred

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The tools that need not be asked for. Raises what the toolset raises."""
        tools = super().tools(ctx)
        warn_of_unknown(self.name, self._deferred.names or (), [tool.name for tool in tools])
        return [tool for tool in tools if not self._deferred.hides(tool.name)]


class DeferredToolset:
    """``search_tool`` and ``add_tool``, and the tools that they have added to this run.

    Hidden tools are looked up when the model first searches: until then no server is started for them. Of two with
    one name the first counts.
    """

    kind = "deferred"

    def __init__(self, name: str, sources: Sequence[Deferred]) -> None:
        self.name = name
        self.sources = tuple(sources)
        self._own = (_SearchTool(self), _AddTool(self))

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The two tools, and those that were added."""
        return [*self._own, *(each.tool for each in self.added(ctx).values())]

    def instructions(self, ctx: RunContext) -> str:
        """How to get at the others."""
        return _INSTRUCTIONS

    def added(self, ctx: RunContext) -> dict[str, Hidden]:
        """The tools that were added in this run, by name."""
        added: dict[str, Hidden] = ctx.state.setdefault(self.name, {})
        return added

    def hidden(self, ctx: RunContext) -> dict[str, Hidden]:
        """The tools that could be added, by name. Raises :class:`ToolError` if none can be had."""
        found: dict[str, Hidden] = {}
        failures: list[str] = []
        for each in self._listed(ctx, failures):
            if each.tool.name not in self.added(ctx):
                found.setdefault(each.tool.name, each)
        if failures and not found:
            raise ToolError(f"the tools are not available at the moment: {'; '.join(failures)}")
        return found

    def _listed(self, ctx: RunContext, failures: list[str]) -> Iterator[Hidden]:
        for source in self.sources:
            try:
                tools = source.toolset.tools(ctx)
            except ToolError as exc:
                logger.warning("toolset %s has no tools to search: %s", source.toolset.name, exc)
                failures.append(str(exc))
                continue
            yield from (Hidden(tool, source.toolset) for tool in tools if source.hides(tool.name))


def innermost(toolset: Toolset) -> Iterator[Toolset]:
    """The toolsets that have the tools themselves, under whatever was put around them."""
    if isinstance(toolset, ToolsetAround):
        yield from innermost(toolset.toolset)
    elif isinstance(toolset, DeferredToolset):
        for source in toolset.sources:
            yield from innermost(source.toolset)
    else:
        yield toolset


def source_of(toolset: Toolset, tool: str, ctx: RunContext) -> Toolset:
    """The toolset that a tool really comes from: rules and safety modes go by that, whoever offers the tool."""
    while isinstance(toolset, ToolsetAround):
        toolset = toolset.toolset
    if isinstance(toolset, DeferredToolset) and (added := toolset.added(ctx).get(tool)) is not None:
        return source_of(added.toolset, tool, ctx)
    return toolset


class _SearchTool:
    name = "search_tool"
    description = "Find further tools by what they are called or what they do. A tool that was found has to be added."
    read_only = True
    timeout: float | None = None
    needs = ""
    parameters: JSONSchema = {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "A few words, or part of a name. Empty lists all tools."}
        },
        "required": ["query"],
    }

    def __init__(self, toolset: DeferredToolset) -> None:
        self._toolset = toolset

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """The best hits, as JSON. Raises :class:`ToolError` if there is none."""
        query = str(arguments.get("query") or "")
        found = best_tools(query, [each.tool for each in self._toolset.hidden(ctx).values()])
        if not found:
            raise ToolError(f"no further tool matches {query!r}; an empty query lists them all")
        listed = [{"name": tool.name, "description": tool.description} for tool in found[:_MOST_FOUND]]
        count = f"the best {_MOST_FOUND} of {len(found)}" if len(found) > _MOST_FOUND else str(len(found))
        return f"Found {count} deferred tool(s):\n{json.dumps(listed, ensure_ascii=False)}"


class _AddTool:
    name = "add_tool"
    description = "Make a tool that search_tool found callable, by its name."
    read_only = True
    timeout: float | None = None
    needs = ""
    parameters: JSONSchema = {
        "type": "object",
        "properties": {"name": {"type": "string", "description": "The tool's name, as search_tool gave it."}},
        "required": ["name"],
    }

    def __init__(self, toolset: DeferredToolset) -> None:
        self._toolset = toolset

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Adds the tool from the next model call on. Raises :class:`ToolError` for a name that is none."""
        name = str(arguments.get("name") or "")
        added = self._toolset.added(ctx)
        if name in added:
            return f"The tool {name} was added before: call it."
        hidden = self._toolset.hidden(ctx)
        if name not in hidden:
            near = difflib.get_close_matches(name, hidden, 1)
            hint = f"; did you mean {near[0]}?" if near else ". Look for one with search_tool."
            raise ToolError(f"there is no further tool {name!r}{hint}")
        added[name] = hidden[name]
        ctx.next_call.refresh_tools = True
        return f"The tool {name} was added, you can call it now. What it does: {hidden[name].tool.description}"
