"""MCP servers of agents that take the place of others."""

from __future__ import annotations

from collections.abc import Iterator

from ..tools.deferred import innermost
from ..tools.mcp.toolset import MCPToolset
from .registry import AgentRegistry


def share_servers(old: AgentRegistry, new: AgentRegistry) -> list[MCPToolset]:
    """Lets the new agents go on with the servers that the old ones have, where nothing about them has changed.

    Returns the toolsets of the servers that only the old agents use: close them when nobody runs these any more.
    """
    before, now = list(_mcp_toolsets(old)), list(_mcp_toolsets(new))
    for toolset in now:
        if (known := next((each for each in before if each.config == toolset.config), None)) is not None:
            toolset.share_server_of(known)
            before.remove(known)
    return before


def _mcp_toolsets(registry: AgentRegistry) -> Iterator[MCPToolset]:
    """Each of them once, those of team members that are not offered themselves, too."""
    agents = [agent for _, agent in registry.items()]
    members = [member for agent in agents for member in getattr(agent, "team", {}).values()]
    toolsets = {id(toolset): toolset for agent in [*agents, *members] for toolset in getattr(agent, "toolsets", ())}
    inner = (each for toolset in toolsets.values() for each in innermost(toolset))
    yield from {id(toolset): toolset for toolset in inner if isinstance(toolset, MCPToolset)}.values()
