"""The embedded demo team, served when nothing else is configured."""

from __future__ import annotations

from pathlib import Path

from ..runtime.registry import AgentRegistry
from ..settings import Settings
from .sources import load_sources

DEMO_TEAM = Path(__file__).parent.parent / "demo" / "team.yaml"


def demo_agents(settings: Settings) -> AgentRegistry:
    """The demo team in a registry of its own."""
    registry = AgentRegistry()
    for name, agent in load_sources([DEMO_TEAM], settings)[0]:
        registry.add(agent, name)
    return registry
