"""Agents made in Python: an import string, and what it may name."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable
from types import ModuleType
from typing import Any
from typing import cast

from ..errors import ConfigError
from ..runtime.agent import Agent
from ..runtime.callable_agent import CallableAgent
from ..runtime.registry import AgentRegistry
from ..runtime.team import Team
from .import_path import make_folder_importable
from .section import did_you_mean


def import_object(import_string: str) -> Any:
    """What ``module:attr`` names; ``attr`` may have dots. The current folder counts as a place for modules.

    Raises :class:`ConfigError` if the module or the attribute does not exist, or the module fails to import.
    """
    module_name, _, attributes = import_string.partition(":")
    found: Any = _import(module_name, import_string)
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            holder = f"the module {module_name!r}" if isinstance(found, ModuleType) else f"{found!r}"
            hint = did_you_mean(attribute, (name for name in dir(found) if not name.startswith("_")))
            raise ConfigError(f"{import_string}: {holder} has no {attribute!r}{hint}")
        found = getattr(found, attribute)
    return found


def team_of(source: Any, origin: str) -> Team:
    """A team of an agent, a callable, a team, an :class:`AgentRegistry` or several agents in a list.

    ``origin`` is the import string, or what else to call the source in a message. Raises :class:`ConfigError`.
    """
    if isinstance(source, Team):
        return source
    if isinstance(source, AgentRegistry):
        return _team(dict(source.items()), _stem(origin), origin)
    if isinstance(source, Iterable) and not _is_agent(source):
        agents = [_agent(item, origin) for item in source]
        by_name = {agent.name: agent for agent in agents}
        if len(by_name) < len(agents):
            raise ConfigError(f"{origin}: two agents have the same name. Rename one of them.")
        return _team(by_name, _stem(origin), origin)
    agent = _agent(source, origin)
    return _team({agent.name: agent}, agent.name, origin)


def _team(agents: dict[str, Agent], label: str, origin: str) -> Team:
    if not agents:
        raise ConfigError(f"{origin}: there are no agents in it")
    return Team(label, agents, next(iter(agents)))


def _agent(source: Any, origin: str) -> Agent:
    if isinstance(source, type):
        raise ConfigError(f"{origin}: {source.__name__} is a class; name an instance of it")
    if _is_agent(source):
        return cast(Agent, source)
    if callable(source):
        return CallableAgent(source)
    raise ConfigError(
        f"{origin}: {type(source).__name__} is no agent: expected an object with `name` and `run`, a function, a team, "
        "a registry or a list of them"
    )


def _is_agent(source: Any) -> bool:
    return isinstance(getattr(source, "name", None), str) and callable(getattr(source, "run", None))


def _stem(origin: str) -> str:
    """What a registry is called beside other sources: its module's name without the packages."""
    return origin.partition(":")[0].rpartition(".")[2]


def _import(module_name: str, import_string: str) -> ModuleType:
    make_folder_importable()
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        missing = exc.name or ""
        if module_name != missing and not module_name.startswith(f"{missing}."):
            raise ConfigError(f"{import_string}: its module needs {missing!r}, which is not installed") from exc
        hint = did_you_mean(missing.rpartition(".")[2], _siblings(missing.rpartition(".")[0]))
        raise ConfigError(f"{import_string}: there is no module {missing!r}{hint}") from exc
    except Exception as exc:  # A foreign module may fail in any way: the operator's mistake, not ours.
        raise ConfigError(f"{import_string}: importing {module_name!r} failed: {type(exc).__name__}: {exc}") from exc


def _siblings(package: str) -> list[str]:
    """The modules among which a missing one was probably meant."""
    if not package:
        return [module.name for module in pkgutil.iter_modules()]
    spec = importlib.util.find_spec(package)
    return [module.name for module in pkgutil.iter_modules(spec.submodule_search_locations if spec else None)]
