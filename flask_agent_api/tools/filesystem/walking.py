"""What is in the folders of a jail."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from ...errors import ToolError
from .bounds import DEPTH
from .bounds import FOLDER_ENTRIES
from .bounds import Work
from .jail import Jail
from .jail import Parts


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a folder. ``kind`` is ``directory``, ``file``, ``link`` or ``other``; links are not followed."""

    parts: Parts
    kind: str

    @property
    def is_folder(self) -> bool:
        """Whether it is a directory itself, not a link to one."""
        return self.kind == "directory"


def entries(jail: Jail, parts: Parts) -> Iterator[Entry]:
    """What is in a folder, by name, less what the jail keeps back. Raises :class:`ToolError`."""
    with jail.folder(parts) as (folder, parts), os.scandir(folder) as found:
        listed = [Entry((*parts, item.name), _kind(item)) for item in islice(found, FOLDER_ENTRIES)]
    yield from sorted((item for item in listed if not jail.refusal(item.parts)), key=lambda item: item.parts)


class Walk:
    """All that is below a folder, each folder before what is in it; ``skips`` says what is left out with all below it.

    Folders that cannot be read are left out. Raises :class:`ToolError` if that is the first one already.
    """

    def __init__(self, jail: Jail, skips: Callable[[Entry], bool], work: Work) -> None:
        self._jail = jail
        self._skips = skips
        self._work = work

    def below(self, parts: Parts, depth: int = DEPTH) -> Iterator[Entry]:
        """What is in a folder and so many levels further down, until the time is up."""
        for entry in entries(self._jail, parts):
            if self._work.over:
                return
            if self._skips(entry):
                continue
            yield entry
            if entry.is_folder and depth > 1:
                with suppress(ToolError):
                    yield from self.below(entry.parts, depth - 1)


def _kind(item: os.DirEntry[str]) -> str:
    if item.is_symlink():
        return "link"
    if item.is_dir(follow_symlinks=False):
        return "directory"
    return "file" if item.is_file(follow_symlinks=False) else "other"
