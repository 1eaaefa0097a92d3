"""A folder that paths of a model never lead out of, whatever is in it and whoever changes it meanwhile.

Nothing is opened by a whole path: from a descriptor of the root on, each component is opened by itself and never as
a symbolic link. Links are read and followed here, one at a time, so that what one leads to has to pass the same rules.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import unicodedata
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from typing import BinaryIO
from typing import TypeAlias

from ...concurrency import native
from ...errors import ToolError
from .kept_back import KEPT_BACK
from .kept_back import READ_ONLY
from .kept_back import reason

Parts: TypeAlias = tuple[str, ...]
"""A path from the root on, component by component; empty for the root itself."""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NOT_PLAIN = {errno.ELOOP, errno.ENOTDIR, errno.EMLINK}
_MOST_LINKS = 40
AGENTS_IGNORE = ".agentsignore"
"""A file in the notation of ``.gitignore`` with what no agent may touch."""

_OTHER_SYSTEM = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_KERNEL = ("proc", "sys", "dev")
_BREAKS = {"Cc", "Cs", "Zl", "Zp"}


class Jail:
    """The folder ``root``, less what rules keep back.

    ``within``, if it is not empty, and ``denied`` are folders or files below the root that narrow it. What ``protects``
    names may be read but not written, what ``excluded`` names is not touched at all. ``root`` may be a link itself: it
    is the operator's.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        within: Sequence[Parts] = (),
        denied: Sequence[Parts] = (),
        protects: Callable[[Parts], bool] = lambda parts: False,
        excluded: Callable[[Parts], bool] = lambda parts: False,
    ) -> None:
        self.root = os.path.realpath(root)
        self._bases = tuple(dict.fromkeys([_split(self.root), _split(os.path.abspath(root))]))
        self._within = tuple(within)
        self._denied = tuple(denied)
        self._protects = protects
        self._excluded = excluded

    def parts(self, path: str) -> Parts:
        """A model's path, relative or absolute. Raises :class:`ToolError` if it leads out of the root."""
        if "\0" in path or not _encodable(path):
            raise ToolError(f"{path!r} is no path")
        if _OTHER_SYSTEM.match(path):
            raise ToolError(f"{path} is a path of another system; give one relative to the working directory")
        if path == "~" or path.startswith("~/"):
            path = os.path.expanduser(path)
        given = _split(os.path.normpath(os.path.join(self.root, path)))
        for base in self._bases:
            if given[: len(base)] == base:
                return given[len(base) :]
        raise ToolError(f"{path} is outside of the working directory {self.root}, and only that can be used here")

    def shown(self, parts: Parts) -> str:
        """The path as models read it, relative to the root."""
        return printable("/".join(parts)) or "."

    def refusal(self, parts: Parts, *, writing: bool = False) -> str:
        """Why a path must not be used, without looking whether there is anything; empty if it may."""
        if _split(self.root + "/" + "/".join(parts))[:1] in [(name,) for name in _KERNEL]:
            return "it belongs to the system's kernel"
        if any(parts[: len(denied)] == denied for denied in self._denied):
            return "it is in a denied directory"
        if self._within and not any(parts[: len(allowed)] == allowed for allowed in self._within):
            return f"it is outside of the allowed directories ({', '.join(map(self.shown, self._within))})"
        if self._excluded(parts):
            return f"{AGENTS_IGNORE} excludes it"
        if why := reason(parts, KEPT_BACK):
            return f"it may hold secrets ({why})"
        if writing and self._protects(parts):
            return "it says what agents may do"
        if writing and (why := reason(parts, READ_ONLY)):
            return f"it is never written ({why})"
        return ""

    def check(self, parts: Parts, *, writing: bool = False) -> None:
        """Raises :class:`ToolError` for a path that must not be used."""
        if why := self.refusal(parts, writing=writing):
            raise ToolError(f"{self.shown(parts)} cannot be {'written' if writing else 'used'}: {why}")

    @contextmanager
    def reading(self, parts: Parts) -> Iterator[BinaryIO]:
        """A regular file, open for reading. Raises :class:`ToolError`."""
        with self.errors(parts):
            descriptor, parts = self._open(parts, _FILE)
            try:
                self._check_file(os.fstat(descriptor), parts)
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    yield file
            finally:
                _close(descriptor)

    def _check_file(self, found: os.stat_result, parts: Parts) -> None:
        if stat.S_ISDIR(found.st_mode):
            raise ToolError(f"{self.shown(parts)} is a directory; list_directory shows what is in it")
        if not stat.S_ISREG(found.st_mode):
            raise ToolError(f"{self.shown(parts)} is no regular file")
        if found.st_nlink > 1:
            raise ToolError(f"{self.shown(parts)} has a second name (a hard link) that may be a secret's")

    @contextmanager
    def folder(
        self, parts: Parts, target: Parts = (), *, make: bool = False, writing: bool = False
    ) -> Iterator[tuple[int, Parts]]:
        """The descriptor of a folder, and where it is when all links are followed. Raises :class:`ToolError`.

        It is opened for the sake of ``target`` in it, which is what the rules are asked about. ``make`` makes folders
        that are missing.
        """
        with self.errors((*parts, *target)):
            descriptor, parts = self._open(parts, FOLDER, target, make=make, writing=writing or make)
            try:
                yield descriptor, parts
            finally:
                _close(descriptor)

    @contextmanager
    def errors(self, parts: Parts) -> Iterator[None]:
        """What the system says about a path, in words for a model."""
        try:
            yield
        except OSError as exc:
            why = _WHY.get(exc.errno or 0) or os.strerror(exc.errno or errno.EIO)
            raise ToolError(f"{self.shown(parts)}: {why} (the working directory is {self.root})") from exc

    def follow(self, parts: Parts, name: str, rest: Parts, folder: int) -> Parts | None:
        """Where the link ``name`` in an open folder leads, ``rest`` behind it; None if it is no link.

        Raises :class:`ToolError` if that is outside.
        """
        try:
            target = os.readlink(name, dir_fd=folder)
        except OSError:
            return None
        try:
            return self.parts(os.path.join(self.root, *parts, target, *rest))
        except ToolError:
            raise ToolError(f"{self.shown((*parts, name))} is a link that leads outside of {self.root}") from None

    def _open(
        self, parts: Parts, flags: int, target: Parts = (), *, make: bool = False, writing: bool = False
    ) -> tuple[int, Parts]:
        for _ in range(_MOST_LINKS):
            self.check((*parts, *target), writing=writing)
            found = self._open_plain(parts, flags, make)
            if isinstance(found, int):
                return found, parts
            parts = found
        raise OSError(errno.ELOOP, "")

    def _open_plain(self, parts: Parts, flags: int, make: bool) -> int | Parts:
        """The descriptor; or, where there is a link on the way, the path to try instead."""
        here = os.open(self.root, FOLDER)
        for index, name in enumerate(parts):
            try:
                below = _step(name, flags if index == len(parts) - 1 else FOLDER, here, make)
            except OSError as exc:
                instead = (
                    self.follow(parts[:index], name, parts[index + 1 :], here) if exc.errno in _NOT_PLAIN else None
                )
                if instead is None:
                    raise
                return instead
            finally:
                _close(here)
            here = below
        return here


def printable(text: str) -> str:
    """A name in characters that stay in their line and that any encoding takes."""
    text = text.encode(errors="surrogateescape").decode(errors="replace")
    return "".join("\ufffd" if unicodedata.category(char) in _BREAKS else char for char in text)


_WHY: Mapping[int, str] = {
    errno.ENOENT: "not found",
    errno.ENOTDIR: "not a directory",
    errno.EISDIR: "it is a directory",
    errno.EACCES: "the server may not use it",
    errno.EPERM: "the server may not use it",
    errno.ELOOP: "too many links",
    errno.ENXIO: "no regular file",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOTEMPTY: "the directory is not empty",
    errno.EEXIST: "there is a file of that name",
}


def _split(path: str) -> Parts:
    return tuple(part for part in path.split("/") if part)


def _encodable(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def _close(descriptor: int) -> None:
    """At once: gevent's own waits for its loop, and until then the folder's lock would hold."""
    native("os", "close")(descriptor)


def _step(name: str, flags: int, folder: int, make: bool) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
    return os.open(name, flags, dir_fd=folder)
