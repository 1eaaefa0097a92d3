"""The Flask extension: puts the API into an app, new or old."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import cast

from flask import Blueprint
from flask import Flask
from flask.blueprints import BlueprintSetupState

from .errors import ConfigError
from .formats.demo_team import demo_agents
from .formats.edits import AgentFiles
from .formats.sources import load_sources
from .runtime.registry import AgentRegistry
from .runtime.registry import agents as module_agents
from .runtime.registry import Function
from .settings import Settings
from .web.auth import Authenticate
from .web.auth import Door
from .web.blueprint import build_blueprint
from .web.keyring import Keyring
from .web.reload import Reload
from .web.service import Service
from .web.this_machine import Places

logger = logging.getLogger("flask_agent_api")

Sources = str | os.PathLike[str] | AgentRegistry | Callable[..., Any] | Iterable[Any]


class AgentAPI:
    """Serves agents as OpenAI-compatible models from a Flask app.

    ``AgentAPI(app)`` or ``AgentAPI().init_app(app)`` registers a blueprint with ``/v1/models`` and
    ``/v1/chat/completions``. One object may be used for several apps; it keeps none of them.

    Args:
        app: The app to register with at once.
        agents: Files, folders, import strings, agents or callables; default: the setting ``AGENT_API_AGENTS``.
        url_prefix: Where the endpoints are, ``/v1`` by default; empty puts them at the root.
        name: The blueprint's name, which must differ between registrations in one app.
        authenticate: Called with the request; returns its :class:`~flask_agent_api.Principal` or None.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        agents: Sources | None = None,
        url_prefix: str = "/v1",
        name: str = "agent_api",
        authenticate: Authenticate | None = None,
    ) -> None:
        self.registry = AgentRegistry()
        self._agents = agents
        self._url_prefix = url_prefix
        self._name = name
        self._authenticate = authenticate
        if app is not None:
            self.init_app(app)

    def agent(self, name: str, *, description: str = "") -> Callable[[Function], Function]:
        """Decorator that offers a function as an agent of this API alone. See :meth:`AgentRegistry.agent`."""
        return self.registry.agent(name, description=description)

    def init_app(self, app: Flask) -> None:
        """Registers the blueprint with ``app``, whose ``AGENT_API_*`` keys are read now (docs/configuration.md).

        Keys that the app has not set are read from ``FLASK_AGENT_API_*`` in the environment. Raises
        :class:`~flask_agent_api.errors.ConfigError` for a wrong setting or agent file.
        """
        blueprint = create_blueprint(
            self._agents, name=self._name, authenticate=self._authenticate, registry=self.registry
        )
        app.register_blueprint(blueprint, url_prefix=self._url_prefix or None)


def create_blueprint(
    agents: Sources | None = None,
    *,
    name: str = "agent_api",
    authenticate: Authenticate | None = None,
    registry: AgentRegistry | None = None,
    config: Mapping[str, Any] | None = None,
) -> Blueprint:
    """A blueprint that serves agents: ``app.register_blueprint(create_blueprint("team.yaml"), url_prefix="/v1")``.

    ``agents`` as in :class:`AgentAPI`; when it is given, only these are served, and those of ``registry``. Otherwise
    the setting ``AGENT_API_AGENTS`` and the module-level ``agents`` registry say what is served, and the embedded demo
    team stands in when they are empty. ``config`` overrides the app's ``AGENT_API_*`` settings for this registration.
    """

    def make_service(state: BlueprintSetupState) -> Service:
        settings = _settings(cast(Flask, state.app), config or {})
        sources = settings.agents if agents is None else _as_list(agents)
        live = [source for source in sources if isinstance(source, AgentRegistry)]
        live += [registry] if registry is not None else []
        live += [module_agents] if agents is None else []
        others = [source for source in sources if not isinstance(source, AgentRegistry)]
        files = AgentFiles(others)

        def load() -> AgentRegistry:
            with files.loading():
                return _load(others, settings)

        def parts(static: AgentRegistry) -> list[AgentRegistry]:
            # The first source's default agent is the default.
            return [*live, static] if sources and isinstance(sources[0], AgentRegistry) else [static, *live]

        def served(static: AgentRegistry) -> AgentRegistry:
            merged = _merged(parts(static))
            for part in parts(static):
                if part is not module_agents:  # which other apps of the process may still be filling
                    part.freeze()
            return merged if len(merged) else demo_agents(settings)

        static = load()
        _merged(parts(static))  # a name that is taken twice must stop the start
        places = Places(settings.allowed_hosts, settings.cors_origins)
        keys = Keyring(settings.keys, settings.keys_file)
        door = Door(keys, authenticate, settings.insecure_no_auth, places)
        reload = Reload(files, lambda: served(load())) if settings.reload else None
        service = Service(cast(Flask, state.app), settings, door, lambda: served(static), reload)
        if not live:  # all agents are known
            for message in service.unknown_agents():
                raise ConfigError(message)
        return service

    return build_blueprint(name, make_service)


def _settings(app: Flask, config: Mapping[str, Any]) -> Settings:
    """Those of one registration. What agents keep is in the app's instance folder if no setting says otherwise."""
    settings = Settings.from_mapping({**app.config, **config})
    if settings.data_dir:
        return settings
    return dataclasses.replace(settings, data_dir=os.path.join(app.instance_path, "agent_api"))


def _load(sources: list[Any], settings: Settings) -> AgentRegistry:
    """The agents of files, import strings and objects. What their files ask for in vain goes to the log."""
    loaded, teams = load_sources(sources, settings)
    registry = AgentRegistry()
    for name, agent in loaded:
        registry.add(agent, name)
    for team in teams:
        for warning in [*team.warnings, *(w for a in team.agents.values() for w in getattr(a, "warnings", ()))]:
            logger.warning("%s", warning)
    return registry


def _merged(parts: list[AgentRegistry]) -> AgentRegistry:
    """All agents. Those of an earlier part are not offered again: a source may name the registry of the decorators."""
    merged = AgentRegistry()
    for part in parts:
        earlier = {id(agent) for _, agent in merged.items()}
        for name, agent in part.items():
            if id(agent) not in earlier:
                merged.add(agent, name)
    return merged


def _as_list(agents: Sources) -> list[Any]:
    single = isinstance(agents, str | os.PathLike | AgentRegistry) or not isinstance(agents, Iterable)
    return [agents] if single else list(cast("Iterable[Any]", agents))
