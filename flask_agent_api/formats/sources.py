"""Sources of agents: files, folders, import strings and Python objects, and the names that clients see."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..runtime.agent import Agent
from ..runtime.team import Team
from ..settings import Settings
from .docker_agent.loader import load_docker_agent
from .document import MAX_FILE_BYTES
from .hub import load_from_hub
from .hub import PREFIX
from .python_source import import_object
from .python_source import team_of
from .section import nearest
from .tiny_agents.loader import AGENT_JSON
from .tiny_agents.loader import load_tiny_agent

_IMPORT_STRING = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_HUB_ID = re.compile(r"[\w-]+/[\w-]+")
_AGENTS_KEY = re.compile(rb"""^(agents|"agents"|'agents')\s*:""", re.MULTILINE)


def load_sources(sources: Sequence[Any], settings: Settings) -> tuple[list[tuple[str, Agent]], list[Team]]:
    """The agents of all sources by the name that clients use, the default first, and the teams they come from.

    A source is a docker-agent YAML file, an ``agent.json`` of tiny-agents, a folder that is one or holds such files,
    an import string ``module:attr``, a tiny agent of the Hub (``hub:OWNER/AGENT``), or an agent, a callable, a team or
    a registry itself. The agents of a single team keep their names. Of several teams, each one's default agent goes
    by the team's label, the others by ``label/agent``.

    Raises :class:`ConfigError` for a source that cannot be loaded and for a name that two agents would have.
    """
    teams = [team for source in sources for team in load_teams(source, settings)]
    named: dict[str, tuple[Agent, Team]] = {}
    for team in teams:
        for name, agent in _default_first(team):
            exposed = name if len(teams) == 1 else team.label if name == team.default else f"{team.label}/{name}"
            if exposed in named:
                raise ConfigError(
                    f"Two agents would be called {exposed!r}: from {_origin(named[exposed][1])} and from "
                    f"{_origin(team)}. Rename a file, a folder or an agent."
                )
            named[exposed] = (agent, team)
    return [(name, agent) for name, (agent, _) in named.items()], teams


def load_teams(source: Any, settings: Settings) -> list[Team]:
    """The teams of one source; a folder may hold several. Raises :class:`ConfigError`."""
    if not isinstance(source, str | os.PathLike):
        return [team_of(source, type(source).__name__)]
    if not os.fspath(source).strip():
        raise ConfigError("An empty text names no source of agents; name a file, a folder or module:attr")
    if isinstance(source, str) and source.startswith(PREFIX):
        return [load_from_hub(source, settings)]
    path = Path(source).expanduser()
    if isinstance(source, str) and _IMPORT_STRING.fullmatch(source) and not path.exists():
        return [team_of(import_object(source), source)]
    if path.is_dir():
        return [_load_file(file, settings) for file in _files(path)]
    return [_load_file(_existing(path), settings)]


def files_of(source: str) -> list[str]:
    """The sources that a folder stands for, or the source itself. Raises :class:`ConfigError` for an empty folder."""
    path = Path(source).expanduser()
    return [str(file) for file in _files(path)] if path.is_dir() else [source]


def _default_first(team: Team) -> Iterator[tuple[str, Agent]]:
    yield team.default, team.agents[team.default]
    yield from ((name, agent) for name, agent in team.agents.items() if name != team.default)


def _origin(team: Team) -> str:
    return team.path or f"the Python team {team.label!r}"


def _load_file(path: Path, settings: Settings) -> Team:
    if path.is_dir() or path.suffix.lower() == ".json":
        return load_tiny_agent(path, settings)
    if path.suffix.lower() in {".yaml", ".yml"}:
        return load_docker_agent(path, settings)
    if path.suffix.lower() == ".hcl":
        raise ConfigError(f"{path}: teams in HCL are not read; write the team as YAML, which has the same fields")
    hint = f"; name what is in it: {path.stem}:ATTRIBUTE" if path.suffix == ".py" else ""
    raise ConfigError(f"{path}: not an agent file: expected .yaml, .yml or {AGENT_JSON}{hint}")


def _files(folder: Path) -> list[Path]:
    """What to load for a folder: itself if it is an agent, else the agents it holds, in the order of their names."""
    if (folder / AGENT_JSON).is_file():
        return [folder]
    try:
        teams = [path for path in sorted(folder.iterdir()) if path.suffix in {".yaml", ".yml"} and _has_agents(path)]
        tiny = [path.parent for path in sorted(folder.glob(f"*/{AGENT_JSON}"))]
    except OSError as exc:
        raise ConfigError(f"{exc.filename or folder}: cannot be read: {exc.strerror}") from exc
    if not teams and not tiny:
        raise ConfigError(
            f"{folder}: no agents in this folder: it has neither an {AGENT_JSON}, nor a subfolder with one, nor a "
            "YAML file with `agents:` at the top"
        )
    return teams + tiny


def _has_agents(path: Path) -> bool:
    """Whether a YAML file is meant to be a team. It is not parsed: others in the folder may be no business of ours."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _AGENTS_KEY.search(file.read(MAX_FILE_BYTES)) is not None


def _existing(path: Path) -> Path:
    if path.exists():
        return path
    if "://" in str(path) or str(path).startswith(("http:/", "https:/")):
        raise ConfigError(f"{path}: agents from the network are not supported; download the file and name it")
    names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, names)
    hint = f'; did you mean "{path.with_name(near)}"?' if near else ""
    if not hint and _HUB_ID.fullmatch(str(path)):
        hint = f"; for an agent of Hugging Face's Hub write {PREFIX}{path}"
    raise ConfigError(f"{path}: there is no such file or folder{hint}")
