"""An agent's tools by the names that its model has for them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from dataclasses import field

from ..once import warn_once
from ..tools.base import Tool
from ..tools.base import Toolset
from ..tools.names import fit_name
from ..tools.prefixed import RenamedTool

logger = logging.getLogger("flask_agent_api.runner")


@dataclass(slots=True)
class ToolTable:
    """Filled in the order of the file. Of two tools with one name the first has it, as in docker-agent.

    A tool of an MCP server whose name is taken is offered as ``<server>_<tool>``: no author chose these names so that
    they go together. ``sources`` are the toolsets that tools come from, ``originals`` the names that renamed ones had.
    """

    agent: str
    tools: dict[str, Tool] = field(default_factory=dict)
    sources: dict[str, Toolset] = field(default_factory=dict)
    originals: dict[str, str] = field(default_factory=dict)

    def add(self, tool: Tool, source: Toolset) -> None:
        """Takes a tool in, under another name if need be, or leaves it out; the latter two are logged once."""
        name = tool.name
        if name in self.tools and source.kind == "mcp":
            if self._has(tool, source):
                return
            name = fit_name(f"{source.name.rpartition('/')[2]}_{tool.name}")
        if name in self.tools:
            self._warn("is left out", tool, source)
            return
        if name != tool.name:
            self._warn(f"is offered as {name}", tool, source)
            self.originals[name] = tool.name
            tool = RenamedTool(tool, name)
        self.tools[name], self.sources[name] = tool, source

    def _has(self, tool: Tool, source: Toolset) -> bool:
        """Whether the tool is here already: two entries of a file may be parts of one server."""
        names = (name for name, known in self.sources.items() if known is source)
        return any(self.originals.get(name, name) == tool.name for name in names)

    def _warn(self, what: str, tool: Tool, source: Toolset) -> None:
        warn_once(
            logger, "agent %s: the tool %s of toolset %s %s, an earlier one has its name",
            self.agent, tool.name, source.name, what,
        )  # fmt: skip
