"""The app that a command works with: the Flask command line's own, or one made for the paths given."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

import click

from ..errors import ConfigError

if TYPE_CHECKING:
    from flask import Flask

    from ..runtime.agent import Agent
    from ..runtime.registry import AgentRegistry
    from ..tools.base import Toolset
    from ..web.service import Service


def make_app(sources: Sequence[str], agent: str | None = None, config: dict[str, Any] | None = None) -> Flask:
    """The app that serves ``sources``; with ``agent`` only that one of them.

    Under ``flask agent-api`` and without sources it is the app of the Flask command line. Raises
    :class:`ConfigError`; :class:`click.UsageError` if ``agent`` is none of them.
    """
    from ..app import create_app

    settings = dict(config or {}) | ({"AGENT_API_AGENTS": list(sources)} if sources else {})
    app = (None if sources else _host_app()) or create_app(settings)
    if agent is not None:
        try:
            service_of(app).serve_only(agent)
        except ConfigError as exc:
            raise click.UsageError(exc.message) from exc
    return app


def service_of(app: Flask) -> Service:
    """The app's registration of the API. Raises :class:`ConfigError` if it has none."""
    from ..web.blueprint import services

    for service in services(app).values():
        return service
    raise ConfigError("This app does not serve agents yet: add AgentAPI(app) to it")


def described(registry: AgentRegistry) -> Iterator[str]:
    """A line for each agent: name, description, toolsets, and whom it turns to."""
    width = max((len(name) for name, _ in registry.items()), default=0)
    for at, (name, agent) in enumerate(registry.items()):
        notes = ["default"] if at == 0 else []
        notes += [f"{what}: {', '.join(names)}" for what, names in _about(agent) if names]
        line = f"{name:{width}}  {agent.description}".rstrip()
        yield f"{line}  ({'; '.join(notes)})" if notes else line


def _about(agent: Agent) -> Iterator[tuple[str, Iterable[str]]]:
    yield "tools", labels(agent)
    yield "tasks to", getattr(agent, "sub_agents", ())
    yield "hands to", handoffs(agent)


def handoffs(agent: Agent) -> list[str]:
    """The agents that it hands the conversation to, whether its model says so or not."""
    forced = getattr(agent, "force_handoff", "")
    return list(dict.fromkeys([*getattr(agent, "handoffs", ()), *([forced] if forced else [])]))


def labels(agent: Agent) -> list[str]:
    """What its toolsets are called: the family, or the name where a family has many members."""
    return [label(toolset) for toolset in getattr(agent, "toolsets", ())]


def label(toolset: Toolset) -> str:
    """``todo``, ``mcp time``, ``todo (deferred)``."""
    if toolset.kind == "deferred":
        from ..tools.deferred import innermost

        return ", ".join(f"{label(each)} (deferred)" for each in innermost(toolset))
    return f"{toolset.kind} {toolset.name}" if toolset.kind in {"mcp", "python"} else toolset.kind


def _host_app() -> Flask | None:
    context = click.get_current_context(silent=True)
    if context is None:
        return None
    from flask.cli import ScriptInfo

    info = context.find_object(ScriptInfo)
    return info.load_app() if info is not None else None
