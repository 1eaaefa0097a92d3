"""The toolsets ``memory``, ``tasks`` and ``plan`` of docker-agent files: where what they keep is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...errors import ToolError
from ...tools.base import Toolset
from ...tools.contained import contained
from ...tools.contained import NotReadable
from ...tools.keeping.memory import MemoryToolset
from ...tools.keeping.plans import PlanToolset
from ...tools.keeping.records import RecordFile
from ...tools.keeping.tasks import TasksToolset
from ...tools.unavailable import UnavailableToolset
from ..placeholders import expand_path
from ..section import Section
from .files import FileToolsets
from .toolsets import Maker


class KeepingToolsets:
    """Makes the toolsets of one team that keep something. ``folder`` is where the team of the ``file`` works, ``files``
    says which files its agents reach.

    Agents of a file share what they keep, unless a ``path`` in the folder says otherwise.
    """

    def __init__(self, file: Path, folder: Path, files: FileToolsets, environ: Mapping[str, str]) -> None:
        self._stem = file.stem
        self._folder = folder
        self._files = files
        self._environ = environ

    def makers(self) -> Mapping[str, Maker]:
        """What makes the toolsets of each type."""
        return {"memory": self.memory, "tasks": self.tasks, "plan": self.plan}

    def memory(self, agent: str, entry: Section) -> Toolset:
        """The toolset ``memory`` of an entry."""
        return MemoryToolset(self._file(entry, "memory"))

    def tasks(self, agent: str, entry: Section) -> Toolset:
        """The toolset ``tasks`` of an entry. In docker-agent its path is that of a JSON file, which stays as it is."""
        file = self._file(entry, "tasks")
        if file.folder is not None:
            file = RecordFile(str(Path(file.name).with_suffix(".db")), file.folder)
        return TasksToolset(file, self._folder)

    def plan(self, agent: str, entry: Section) -> Toolset:
        """The toolset ``plan`` of an entry."""
        try:
            jail = self._files.jail(entry)
        except (ToolError, OSError) as exc:
            reason = f"plans cannot be kept for a team in this folder: {exc}"
            entry.warn(None, f"{reason}. The agent runs without these tools")
            return UnavailableToolset("plan", "plan", reason)
        return PlanToolset(self._file(entry, "plan"), jail)

    def _file(self, entry: Section, kind: str) -> RecordFile:
        """The file that an entry names; that in the server's data folder if it names none that may be used."""
        default = RecordFile(f"{kind}/{self._stem}/{kind}.db")
        if not entry.has("path"):
            return default
        expanded = expand_path(entry.text("path"), self._environ)
        if expanded.missing:
            entry.warn_of_unset("path", expanded.missing, "the server's data folder is used")
            return default
        path = Path(expanded.text)
        name = str(path.relative_to(self._folder) if path.is_relative_to(self._folder) else path)
        try:
            if contained(self._folder, name).is_dir():
                raise NotReadable("it is a folder")
        except NotReadable as exc:
            entry.warn("path", f"{exc}; the server's data folder is used (AGENT_API_DATA_DIR)")
            return default
        return RecordFile(name, self._folder)
