"""Puts edited agents in the place of those that are served, without a restart.

What runs goes on with the agents that it began with. An edit that is wrong is logged, and changes nothing.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..concurrency import offload
from ..concurrency import sleep
from ..concurrency import spawn
from ..errors import ConfigError
from ..formats.edits import AgentFiles
from ..runtime.in_flight import InFlight
from ..runtime.in_flight import Place
from ..runtime.mcp_sharing import share_servers
from ..runtime.registry import AgentRegistry
from ..tools.mcp.toolset import MCPToolset

if TYPE_CHECKING:
    from .service import Service

logger = logging.getLogger("flask_agent_api.reload")

LOOK_SECONDS = 1.0
"""How often the files are looked at."""


class Reload:
    """The agents of one registration, loaded again when their files change.

    ``files`` are looked at; ``load`` makes the new agents, and notes in ``files`` what it reads.
    """

    def __init__(self, files: AgentFiles, load: Callable[[], AgentRegistry]) -> None:
        self._files = files
        self._load = load
        self._left: list[tuple[frozenset[Place], list[MCPToolset]]] = []

    def start(self, service: Service, in_flight: InFlight) -> None:
        """Looks now, and then once a second for as long as the process lives. Call it once in each process."""
        self.look(service, in_flight)
        # It outlives the request that starts it, so it must not hold on to its context.
        contextvars.Context().run(spawn, self._work, service, in_flight)

    def look(self, service: Service, in_flight: InFlight) -> None:
        """Takes over what has been edited, and closes MCP servers that nobody uses any more."""
        try:
            if offload(self._files.edited):
                self._take_over(service, in_flight)
            self._close_unused(in_flight)
        except ConfigError as exc:
            logger.error("the edited agents cannot be used, the old ones go on: %s", exc)
        except Exception:  # a folder that cannot be read, a foreign module that fails
            logger.exception("the agent files cannot be taken over, the old agents go on")

    def _work(self, service: Service, in_flight: InFlight) -> None:
        while True:
            sleep(LOOK_SECONDS)
            self.look(service, in_flight)

    def _take_over(self, service: Service, in_flight: InFlight) -> None:
        old, new = service.registry, self._load()
        service.replace(new)
        self._left.append((in_flight.places, share_servers(old, service.registry)))
        logger.info("edited agents are served from now on: %s", ", ".join(name for name, _ in service.registry.items()))

    def _close_unused(self, in_flight: InFlight) -> None:
        for waiting in list(self._left):
            places, toolsets = waiting
            if not places & in_flight.places:
                self._left.remove(waiting)
                for toolset in toolsets:
                    toolset.close()
