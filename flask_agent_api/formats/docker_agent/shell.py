"""The toolsets of docker-agent files that run commands: ``shell``, ``background_jobs``, ``script`` and ``git``."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...tools.base import Toolset
from ...tools.environment import EnvironmentToolset
from ...tools.git import GitToolset
from ...tools.script import ScriptToolset
from ...tools.shell.place import Place
from ...tools.shell.tool import TIMEOUT
from ...tools.shell.toolset import BackgroundJobsToolset
from ...tools.shell.toolset import ShellToolset
from ..placeholders import expand_path
from ..placeholders import expand_variables
from ..section import Section
from .script import check_variables
from .script import read_scripts


class CommandToolsets:
    """Makes those of one team. Commands run in ``folder`` unless an entry says otherwise."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ

    def makers(self) -> Mapping[str, Callable[[str, Section], Toolset | None]]:
        """What makes each type. A toolset that needs a variable that is not set is left out, with a warning."""
        return {
            "shell": self._shell,
            "background_jobs": self._background_jobs,
            "script": self._script,
            "git": self._git,
            "environment": lambda agent, entry: EnvironmentToolset(),
        }

    def _shell(self, agent: str, entry: Section) -> Toolset | None:
        place = self._place(entry)
        if place is None:
            return None
        jobs = "background_jobs" not in _types_beside(agent, entry)  # those of that toolset come first
        return ShellToolset("shell", place, entry.data.get("timeout") or TIMEOUT, jobs=jobs)

    def _background_jobs(self, agent: str, entry: Section) -> Toolset | None:
        place = self._place(entry)
        return None if place is None else BackgroundJobsToolset("background_jobs", place)

    def _git(self, agent: str, entry: Section) -> Toolset | None:
        place = self._place(entry)
        return None if place is None else GitToolset("git", place.folder)

    def _script(self, agent: str, entry: Section) -> Toolset | None:
        place = self._place(entry)
        if place is None:
            return None
        return ScriptToolset("script", read_scripts(entry, place, self._environ))

    def _place(self, entry: Section) -> Place | None:
        folder = expand_path(entry.text("working_dir"), self._environ)
        env = {name: expand_variables(value, self._environ) for name, value in entry.text_map("env").items()}
        unset = {f"env.{name}": value.missing for name, value in env.items()} | {"working_dir": folder.missing}
        for key, missing in unset.items():
            if missing:
                entry.warn_of_unset(key, missing, "this toolset is left out")
        if any(unset.values()):
            return None
        check_variables(entry)
        return Place(
            Path(os.path.realpath(self._folder / folder.text)), {name: value.text for name, value in env.items()}
        )


def _types_beside(agent: str, entry: Section) -> Iterator[Any]:
    """The types of the toolsets that the agent lists itself."""
    agents = entry.document.data.get("agents")
    own = agents.get(agent) if isinstance(agents, dict) else None
    entries: Iterable[Any] = (own.get("toolsets") if isinstance(own, dict) else None) or ()
    return (each.get("type") for each in entries if isinstance(each, dict))
