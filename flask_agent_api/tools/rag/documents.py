"""The documents of an index: files, folders and patterns of files, all of them in folders that nothing leads out of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ...errors import ToolError
from ..filesystem.bounds import Work
from ..filesystem.content import is_binary
from ..filesystem.content import read_bytes
from ..filesystem.content import sniffed
from ..filesystem.ignored import Ignored
from ..filesystem.jail import Jail
from ..filesystem.jail import Parts
from ..filesystem.walking import Entry
from ..filesystem.walking import Walk

MOST_DOCUMENTS = 20_000
"""Documents of an index; those behind are left out."""

MOST_BYTES = 8 * 1024 * 1024
"""Of a document; a larger one is left out."""

_SCAN_SECONDS = 120.0


class Unreadable(Exception):
    """A document has no text that could be searched. The message says why."""


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of ``docs``: a file or a folder of a jail, or a ``pattern`` of files below it."""

    jail: Jail
    base: Parts
    pattern: Parts = ()

    @classmethod
    def of(cls, jail: Jail, path: str) -> Source:
        """What a path means in a jail; ``*``, ``?`` and ``[`` make it a pattern, ``**`` stands for any folders.

        Raises :class:`ToolError` for a path that leads outside, and for one that is kept back.
        """
        parts = jail.parts(path)
        plain = next((place for place, part in enumerate(parts) if any(char in part for char in "*?[")), len(parts))
        jail.check(parts[:plain])
        return cls(jail, parts[:plain], parts[plain:])

    def files(self, *, vcs: bool) -> Iterator[Parts]:
        """The files there are now. A file that is named itself counts although ``.gitignore`` leaves it out."""
        path = os.path.join(self.jail.root, *self.base)
        if os.path.isfile(path):
            yield self.base
        elif os.path.isdir(path):
            ignored = Ignored(self.jail, vcs=vcs)

            def skips(entry: Entry) -> bool:
                return entry.parts[-1] == ".git" or ignored(entry.parts, is_folder=entry.is_folder)

            for entry in Walk(self.jail, skips, Work(0, _SCAN_SECONDS)).below(self.base):
                if entry.kind == "file" and _fits(entry.parts[len(self.base) :], self.pattern):
                    yield entry.parts


class Documents:
    """All documents of some sources. They are called by their path from ``folder`` on, that of the agent's file.

    With ``vcs`` the files are left out that ``.gitignore`` files name. Everything here waits for the disk.
    """

    def __init__(self, folder: str, sources: Sequence[Source], *, vcs: bool = True) -> None:
        self._folder = folder
        self._sources = tuple(sources)
        self._vcs = vcs

    @property
    def identity(self) -> list[object]:
        """What makes these documents different from others."""
        return [self._folder, [[each.jail.root, each.base, each.pattern] for each in self._sources], self._vcs]

    def scan(self) -> dict[str, str]:
        """The documents there are, each with a stamp that changes when it does."""
        found: dict[str, str] = {}
        for source in self._sources:
            with suppress(ToolError):  # a folder that is not there, or not to be read
                for parts in source.files(vcs=self._vcs):
                    path = os.path.join(source.jail.root, *parts)
                    with suppress(OSError):
                        status = os.stat(path)
                        found[os.path.relpath(path, self._folder)] = f"{status.st_mtime_ns}:{status.st_size}"
                    if len(found) >= MOST_DOCUMENTS:
                        return found
        return found

    def read(self, path: str) -> str:
        """The text of a document. Raises :class:`Unreadable`."""
        for jail in {id(source.jail): source.jail for source in self._sources}.values():
            with suppress(ToolError):
                parts = jail.parts(os.path.join(self._folder, path))
                break
        else:
            raise Unreadable("it is outside of the folders of this index")
        try:
            with jail.reading(parts) as file:
                if is_binary(sniffed(file)):
                    raise Unreadable("it is no text")
                return read_bytes(file, MOST_BYTES, path).decode("utf-8-sig", errors="replace")
        except ToolError as exc:
            raise Unreadable(str(exc)) from exc


def _fits(parts: Parts, pattern: Parts) -> bool:
    """Whether a path is one that a pattern means; an empty pattern means all."""
    if not pattern:
        return True
    if pattern[0] == "**":
        rest = pattern[1:]
        return not rest or any(_fits(parts[start:], rest) for start in range(len(parts)))
    if not parts or not fnmatchcase(parts[0], pattern[0]):
        return False
    return not parts[1:] if len(pattern) == 1 else _fits(parts[1:], pattern[1:])
