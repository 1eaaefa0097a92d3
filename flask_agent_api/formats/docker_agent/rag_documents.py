"""The documents that ``docs`` of docker-agent files name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from ...errors import ToolError
from ...settings import Settings
from ...tools.filesystem.ignored import AgentsIgnored
from ...tools.filesystem.jail import Jail
from ...tools.rag.documents import Documents
from ...tools.rag.documents import Source
from ..placeholders import expand_path
from ..section import Section


class DocumentLoader:
    """Finds the documents of one team: in the ``folder`` of its file, or in the one that the operator names."""

    def __init__(self, folder: Path, settings: Settings, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._settings = settings
        self._environ = environ

    def load(self, collection: Section, section: Section) -> Documents:
        """The documents of a strategy: those of its collection, and more of its own."""
        vcs = section.data.get("respect_vcs", collection.data.get("respect_vcs")) is not False
        sources = [*self._sources(collection), *self._sources(section)]
        if not sources:
            section.warn("docs", "there is nothing to search")
        return Documents(str(self._folder), sources, vcs=vcs)

    def _sources(self, section: Section) -> Iterator[Source]:
        for text in section.texts("docs"):
            expanded = expand_path(text, self._environ)
            if expanded.missing:
                section.warn_of_unset("docs", expanded.missing, f"{text} is left out")
                continue
            try:
                source = self._source(expanded.text)
            except ToolError as exc:
                section.warn("docs", f"{exc}. It is left out; AGENT_API_WORKING_DIR can name a wider folder")
                continue
            if not os.path.exists(os.path.join(source.jail.root, *source.base)):
                section.warn("docs", f"there is nothing at {text}")
            yield source

    def _source(self, path: str) -> Source:
        """A path in the file's folder, or in the one that the operator has agents work in. Raises ToolError."""
        path = os.path.normpath(os.path.join(self._folder, path))
        if self._settings.working_dir:
            root = os.path.realpath(os.path.expanduser(self._settings.working_dir))
            if path.startswith(f"{root}/"):
                return Source.of(_jail(root), path)
        return Source.of(_jail(str(self._folder)), path)


def _jail(root: str) -> Jail:
    if root == "/":
        raise ToolError("the whole disk is too much to search")
    return Jail(root, excluded=AgentsIgnored(root))
