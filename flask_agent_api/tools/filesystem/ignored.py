"""What listings and searches leave out: git's own folders, and what ``.gitignore`` files name."""

from __future__ import annotations

from pathlib import Path

import pathspec

from ...errors import ToolError
from .bounds import TEXT_BYTES
from .content import read_bytes
from .jail import AGENTS_IGNORE
from .jail import Jail
from .jail import Parts


class Ignored:
    """The ``.gitignore`` files of a jail, each read when it is first needed, for one call. ``vcs`` False: of none."""

    def __init__(self, jail: Jail, *, vcs: bool = True) -> None:
        self._jail = jail
        self._vcs = vcs
        self._specs: dict[Parts, pathspec.GitIgnoreSpec | None] = {}

    def __call__(self, parts: Parts, *, is_folder: bool) -> bool:
        """Whether a path is left out. The file that is nearest to it has the last word."""
        if not self._vcs:
            return False
        if ".git" in parts:
            return True
        for depth in range(len(parts) - 1, -1, -1):
            spec = self._spec(parts[:depth])
            verdict = spec.check_file(_named(parts[depth:], is_folder)).include if spec else None
            if verdict is not None:
                return verdict
        return False

    def _spec(self, folder: Parts) -> pathspec.GitIgnoreSpec | None:
        if folder not in self._specs:
            self._specs[folder] = self._read((*folder, ".gitignore"))
        return self._specs[folder]

    def _read(self, parts: Parts) -> pathspec.GitIgnoreSpec | None:
        try:
            with self._jail.reading(parts) as file:
                return _spec(read_bytes(file, TEXT_BYTES, self._jail.shown(parts)))
        except ToolError:
            return None


class AgentsIgnored:
    """The ``.agentsignore`` of a folder, or the next one above it, when it was made: what no tool may touch.

    Raises :class:`ToolError` if there is one that cannot be read.
    """

    def __init__(self, root: str) -> None:
        self._spec: pathspec.GitIgnoreSpec | None = None
        self._below: Parts = ()
        for folder in (Path(root), *Path(root).parents):
            if (file := folder / AGENTS_IGNORE).is_file():
                self._below = Path(root).relative_to(folder).parts
                try:
                    self._spec = _spec(file.read_bytes()[:TEXT_BYTES])
                except (OSError, ValueError) as exc:
                    raise ToolError(f"the file {AGENTS_IGNORE} cannot be read: {exc}") from exc
                return

    def __call__(self, parts: Parts) -> bool:
        """Whether a path is excluded, be it a file or a folder."""
        if self._spec is None or not parts:
            return False
        path = (*self._below, *parts)
        return any(self._spec.match_file(_named(path, is_folder)) for is_folder in (False, True))


def _spec(data: bytes) -> pathspec.GitIgnoreSpec:
    lines = data.decode("utf-8-sig", errors="replace").splitlines()
    return pathspec.GitIgnoreSpec.from_lines(line for line in lines if _usable(line))


def _usable(line: str) -> bool:
    try:
        pathspec.GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _named(parts: Parts, is_folder: bool) -> str:
    name = "/".join(parts)
    return f"{name}/" if is_folder else name
