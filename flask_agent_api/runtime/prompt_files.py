"""Files whose text an agent's system prompt ends with, such as ``AGENTS.md``."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..tools.contained import contained
from ..tools.contained import NotReadable
from ..tools.contained import read_text_file

MAX_LISTED = 100
_MAX_FOLDERS = 5_000
_SKIPPED = frozenset({"node_modules", "vendor", "__pycache__"})


@dataclass(frozen=True, slots=True)
class PromptFiles:
    """Files of one folder, by name, that are read for each run: what was changed since is read again.

    One that is not there, or that leads out of the folder, adds nothing. ``listed`` are paths of more such files
    further down, which the model is told of and may read with tools of its own.
    """

    folder: Path
    names: tuple[str, ...]
    listed: tuple[str, ...] = ()

    def texts(self) -> list[str]:
        """The parts of the prompt, in the order of the names. Reads from disk."""
        parts = [text for name in self.names if (text := _current_text(self.folder, name))]
        if self.listed:
            files = "\n".join(f"- {path}" for path in self.listed)
            parts.append(f"More instructions are in these files. Read those whose folder a task is about:\n{files}")
        return parts


def files_below(folder: Path, names: Collection[str], depth: int) -> tuple[str, ...]:
    """The paths of files with these names up to ``depth`` folders down, without those in the folder itself.

    Hidden folders, links and folders of installed packages are left out. The number of files and of folders that are
    looked into is limited.
    """
    found: list[str] = []
    for visited, (path, files) in enumerate(_folders(folder, depth)):
        if visited > _MAX_FOLDERS or len(found) >= MAX_LISTED:
            break
        if path != folder:
            found += ((path / name).relative_to(folder).as_posix() for name in names if name in files)
    return tuple(found[:MAX_LISTED])


def _folders(folder: Path, depth: int) -> Iterator[tuple[Path, list[str]]]:
    for root, folders, files in os.walk(folder):
        path = Path(root)
        is_deepest = len(path.relative_to(folder).parts) >= depth
        folders[:] = [] if is_deepest else sorted(name for name in folders if not _is_skipped(name))
        yield path, files


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name in _SKIPPED


def _current_text(folder: Path, name: str) -> str:
    try:
        path = contained(folder, name)
        status = path.stat()
        return _text(path, status.st_mtime_ns, status.st_size, status.st_ino)
    except (NotReadable, OSError):
        return ""


@functools.lru_cache(maxsize=256)
def _text(path: Path, changed: int, size: int, inode: int) -> str:
    """The text as it is since ``changed``; a file that cannot be read is tried again each time."""
    return read_text_file(path)
