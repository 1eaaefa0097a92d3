"""Writing files, each at once or not at all, and making and removing folders."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import suppress
from typing import Any

from ...concurrency import native
from ...errors import ToolError
from ..arguments import text
from ..arguments import texts
from .bounds import FILES_AT_ONCE
from .bounds import TEXT_BYTES
from .bounds import Work
from .jail import Jail
from .jail import Parts

_LOCK_SECONDS = 5.0
_LOCK_PAUSE = 0.01
_MOST_LINKS = 40


def write_file(jail: Jail, arguments: Mapping[str, Any], work: Work) -> str:
    """Makes a file or replaces all that is in it; folders on the way to it are made."""
    path, content = text(arguments, "path"), text(arguments, "content")
    with place(jail, jail.parts(path), make=True) as target:
        size = target.write(content)
        return f"File written successfully: {jail.shown(target.parts)} ({size} bytes)"


def create_directory(jail: Jail, arguments: Mapping[str, Any], work: Work) -> str:
    """Makes folders, and those above them."""
    done = []
    for path in _paths(arguments):
        with jail.folder(jail.parts(path), make=True) as (_, parts):
            done.append(f"Directory created successfully: {jail.shown(parts)}")
    return "\n".join(done)


def remove_directory(jail: Jail, arguments: Mapping[str, Any], work: Work) -> str:
    """Removes folders that are empty."""
    done = []
    for path in _paths(arguments):
        if not (parts := jail.parts(path)):
            raise ToolError("the working directory itself cannot be removed")
        with place(jail, parts) as target:
            os.rmdir(target.name, dir_fd=target.folder)
            done.append(f"Directory removed successfully: {jail.shown(parts)}")
    return "\n".join(done)


class Place:
    """A name in an open folder, where there need not be anything yet.

    ``folder`` is the folder's descriptor, ``parts`` the whole path with all links followed.
    """

    def __init__(self, jail: Jail, folder: int, parts: Parts) -> None:
        self.jail = jail
        self.folder = folder
        self.parts = parts
        self.name = parts[-1]

    def write(self, content: str) -> int:
        """Puts a text there, in one step for whoever reads it; returns its bytes. A file keeps its permissions."""
        data = _encoded(content)
        kept = self._permissions()
        temporary = f".{secrets.token_hex(8)}.tmp"
        made = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(temporary, made, 0o666, dir_fd=self.folder), "wb") as file:
                if kept is not None:
                    os.fchmod(file.fileno(), kept)
                file.write(data)
            os.replace(temporary, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        finally:
            with suppress(FileNotFoundError):  # it has its new name, if all went well
                os.unlink(temporary, dir_fd=self.folder)
        return len(data)

    def _permissions(self) -> int | None:
        """Those of the file that is there; None if there is none. Raises :class:`ToolError` for what is no file."""
        try:
            found = os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            raise ToolError(f"{self.jail.shown(self.parts)} is no regular file")
        return stat.S_IMODE(found.st_mode) & 0o777


@contextmanager
def place(jail: Jail, parts: Parts, *, make: bool = False) -> Iterator[Place]:
    """Where a path leads to that is to be written, locked against other writers in the same folder.

    Raises :class:`ToolError`. A link at its end is followed.
    """
    for _ in range(_MOST_LINKS):
        if not parts:
            raise ToolError("the working directory is a directory")
        with jail.folder(parts[:-1], parts[-1:], make=make, writing=True) as (folder, above):
            linked = jail.follow(above, parts[-1], (), folder)
            if linked is None:
                with _locked(folder):
                    yield Place(jail, folder, (*above, parts[-1]))
                return
            parts = linked
    raise ToolError(f"{jail.shown(parts)}: too many links")


@contextmanager
def _locked(folder: int) -> Iterator[None]:
    """Held by one writer of a folder at a time, in all processes. Where the file system has no locks, by nobody."""
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise ToolError("somebody else is writing there; try again") from None
            native("time", "sleep")(_LOCK_PAUSE)
            continue
        except OSError as exc:
            if exc.errno not in {errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}:
                raise
        yield  # closing the folder gives the lock back
        return


def _encoded(content: str) -> bytes:
    try:
        data = content.encode()
    except UnicodeEncodeError:
        raise ToolError("the content has characters that are no text") from None
    if len(data) > TEXT_BYTES:
        raise ToolError(f"the content is too large: {len(data)} bytes, {TEXT_BYTES} at the most")
    return data


def _paths(arguments: Mapping[str, Any]) -> list[str]:
    paths = texts(arguments, "paths")
    if not 0 < len(paths) <= FILES_AT_ONCE:
        raise ToolError(f"`paths` must be a list of 1 to {FILES_AT_ONCE} paths")
    return paths
