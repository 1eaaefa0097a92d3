"""What the endpoints of one registration of the blueprint work with."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from flask import Flask

from ..concurrency import patched
from ..context import Principal
from ..context import RunContext
from ..conversations import answers
from ..conversations import client_turns
from ..conversations.base import ConversationStore
from ..conversations.base import LogKey
from ..conversations.client_turns import AgentTurns
from ..conversations.conversation import KIND as CONVERSATIONS
from ..conversations.keeper import Keeper
from ..conversations.past import CallersConversations
from ..conversations.recording import Recording
from ..conversations.stores import open_store
from ..hub_monitor import watch_hub
from ..per_process import PerProcess
from ..quotas.base import Counters
from ..quotas.counters import open_counters
from ..runtime.in_flight import InFlight
from ..runtime.registry import AgentRegistry
from ..runtime.turn import ConversationTurn
from ..runtime.turn import Limits
from ..settings import Settings
from ..telemetry import watch
from ..transcript import Transcript
from .auth import Door
from .cors import Cors
from .drain import drain_at_shutdown
from .host_app import check_host_again
from .reload import Reload
from .schemas import check_pinned
from .tasks.models import TaskModels

logger = logging.getLogger("flask_agent_api")


class Service:
    """Settings, door and agents of one registration in one app.

    The agents are put together at the first request, so that decorators may run after the registration, and are
    frozen from then on.
    """

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        door: Door,
        make_registry: Callable[[], AgentRegistry],
        reload: Reload | None = None,
    ) -> None:
        self.app = app
        self.settings = settings
        self.door = door
        self.cors = Cors(settings)
        self.created = int(time.time())
        self._make_registry = make_registry
        self._reload = reload
        self._registry: AgentRegistry | None = None
        self._only = ""
        self._in_flight = PerProcess(self._begin)
        self._keeper = PerProcess(self._keep)
        self._counters = PerProcess(lambda: open_counters(settings.store))
        self._conversation_limits = Limits(
            turns=settings.conversation_max_turns,
            size=settings.conversation_max_bytes,
            age=settings.conversation_max_age,
            ttl=settings.conversation_ttl,
            wait=settings.conversation_wait,
        )
        self._settings_of = {name: settings.for_agent(name) for name in settings.agent_options}
        for each in (settings, *self._settings_of.values()):
            check_pinned(each.params)
        self.task_models = TaskModels([settings, *self._settings_of.values()])
        if settings.log_content:
            logger.warning("AGENT_API_LOG_CONTENT is on: what callers and agents say is written to the log")
        watch(app, settings)
        open_store(settings.store, settings.data_dir)  # a URL that means none stops the start

    @property
    def registry(self) -> AgentRegistry:
        """The agents that this registration offers. Raises :class:`~flask_agent_api.errors.ConfigError`."""
        if self._registry is None:
            self.replace(self._make_registry())
        return self._registry  # type: ignore[return-value]

    def registry_for(self, principal: Principal) -> AgentRegistry:
        """The agents that a caller may use."""
        allowance = principal.allowance
        return self.registry if allowance.agents is None else self.registry.allowed(allowance)

    def replace(self, registry: AgentRegistry) -> None:
        """Offers these agents from now on; what runs goes on with the others. Raises :class:`ConfigError`."""
        if self._only:
            registry = registry.only(self._only)
        registry.freeze()
        self._registry = registry
        for message in self.unknown_agents():
            logger.error("%s", message)

    def serve_only(self, agent: str) -> None:
        """Offers one of the agents alone. Raises :class:`ConfigError` if there is none of that name."""
        self._only = agent
        self.replace(self.registry)

    def unknown_agents(self) -> list[str]:
        """What is wrong with the settings that name agents; asking puts the agents together."""
        names = [name for name, _ in self.registry.items()]
        return self.settings.unknown_agents(names) + self.door.keys.unknown_agents([*names, *self.registry.hidden])

    def settings_for(self, agent: str) -> Settings:
        """The settings as they are for one agent."""
        return self._settings_of.get(agent, self.settings)

    @property
    def in_flight(self) -> InFlight:
        """The runs of this process."""
        return self._in_flight.get()

    @property
    def store(self) -> ConversationStore:
        """Where this process keeps what lasts; opened by whoever asks first."""
        return self._keeper.get().store

    @property
    def counters(self) -> Counters:
        """Where this process counts what callers use."""
        return self._counters.get()

    def turns(self, principal: str, agent: str) -> AgentTurns:
        """What is kept of an agent's turns with a caller, as far as they wait for the client's tools."""
        return AgentTurns(lambda: self.store, principal, agent)

    def turn(
        self, ctx: RunContext, agent: str, conversation: str, answer: LogKey | None = None
    ) -> ConversationTurn | None:
        """The turn of a caller's conversation with an agent that a run is, before it begins. None without an id.

        ``answer`` is the log that the answer is recorded in, if it is.
        """
        key = LogKey(CONVERSATIONS, ctx.principal.id, agent, conversation)
        ctx.conversations = CallersConversations(lambda: self.store, key)
        if not conversation:
            return None
        ctx.transcript = Transcript()
        return ConversationTurn(self._keeper.get().leases, key, self._conversation_limits, ctx.transcript, answer)

    def recording(self, key: LogKey) -> Recording:
        """What writes an answer into the log ``key``."""
        leases, settings = self._keeper.get().leases, self.settings
        return Recording(leases, key, settings.idempotency_ttl, settings.idempotency_max_bytes)

    def cancel(self, key: LogKey) -> bool:
        """Ends the run that holds a log, on whichever worker; false if there is none."""
        return self._keeper.get().leases.cancel(key)

    def _keep(self) -> Keeper:
        store = open_store(self.settings.store, self.settings.data_dir)
        most = {CONVERSATIONS: self.settings.max_conversations, client_turns.KIND: client_turns.MAX_TURNS}
        most[answers.KIND] = answers.MAX_ANSWERS
        return Keeper(store, most)

    def _begin(self) -> InFlight:
        """The first request in a process: prepares its end, and says what the server at hand cannot do."""
        in_flight = InFlight(self.settings.max_streams)
        if self.settings.drain:
            drain_at_shutdown(in_flight, self.settings.drain_timeout)
        if self._reload is not None:
            self._reload.start(self, in_flight)
        watch_hub(self.settings.hub_stall_seconds)
        check_host_again(self.app, self.settings)
        if not patched():
            logger.warning(
                "Not running under gevent: clients that leave in silence are not noticed, and a tool or agent that "
                "hangs keeps its thread. Serve with: gunicorn -k gevent"
            )
        return in_flight
