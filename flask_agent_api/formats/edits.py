"""Whether the files that agents were read from have been edited since."""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import TypeAlias

from .document import readings

_SUFFIXES = {".yaml", ".yml", ".json", ".md"}

Stamp: TypeAlias = "tuple[int, int, int] | None"


class AgentFiles:
    """The files behind some sources: those that are read to load them, and what stands in the folders they name."""

    def __init__(self, sources: Sequence[Any]) -> None:
        paths = [Path(source).expanduser() for source in sources if isinstance(source, str | os.PathLike)]
        self._folders = [path for path in paths if path.is_dir()]
        self._read: set[Path] = set()
        self._seen: Mapping[Path, Stamp] = {}

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Around loading the sources: what is read in the block is watched from then on, also if it cannot be read."""
        before = self._look()
        with readings() as files:
            try:
                yield
            finally:
                self._read.update(files)
                # As they were before they were read: an edit in the meantime is one to be seen.
                self._seen = {path: before[path] if path in before else stamp(path) for path in self._paths()}

    def edited(self) -> bool:
        """Whether a file has changed, come or gone since the sources were loaded. Waits for the disk."""
        return self._look() != self._seen

    def _look(self) -> Mapping[Path, Stamp]:
        return {path: stamp(path) for path in self._paths()}

    def _paths(self) -> set[Path]:
        """Folders are looked at as deep as agents are looked for in them."""
        found = (path for folder in self._folders for pattern in ("*", "*/*") for path in folder.glob(pattern))
        return self._read | {path for path in found if path.suffix.lower() in _SUFFIXES}


def stamp(path: Path) -> Stamp:
    """What an edit changes of a file; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
