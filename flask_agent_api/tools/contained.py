"""Reading files that must lie within a folder, wherever the name that is given for them comes from."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from pathlib import PurePath

MAX_TEXT_BYTES = 256 * 1024
"""What a text for a model may have at the most: about 60,000 tokens."""


class NotReadable(ValueError):
    """A file cannot be read. The message says why, in words that need no path."""


def contained(folder: Path, name: str) -> Path:
    """The file of that name in the folder, links followed.

    Raises :class:`NotReadable` for an absolute name, for one with ``..`` or longer than names can be, and for a link
    that leads out of the folder.
    """
    if not name.strip() or "\0" in name or PurePath(name).is_absolute() or ".." in PurePath(name).parts:
        raise NotReadable("only files in the folder can be named, without `..`")
    try:
        path = (folder / name).resolve()
        inside = path.is_relative_to(folder.resolve())
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            path.lstat()  # fails for a name that no file can have, which not every Python's resolve() does
    except (OSError, RuntimeError) as exc:
        raise NotReadable("the path leads in circles or is too long") from exc
    if not inside:
        raise NotReadable("the path leads out of the folder")
    return path


def read_contained(folder: Path, name: str, limit: int = MAX_TEXT_BYTES) -> str:
    """The UTF-8 text of a file in the folder.

    Raises :class:`NotReadable` for what :func:`contained` refuses, and for anything but a text of ``limit`` bytes at
    the most.
    """
    return read_text_file(contained(folder, name), limit)


def read_text_file(path: Path, limit: int = MAX_TEXT_BYTES) -> str:
    """The UTF-8 text of a regular file that is no link. Raises :class:`NotReadable`."""
    try:
        with open(path, "rb", opener=_open_regular_file) as file:
            data = file.read(limit + 1)
    except FileNotFoundError as exc:
        raise NotReadable("there is no such file") from exc
    except OSError as exc:
        raise NotReadable(f"it cannot be read: {exc.strerror or type(exc).__name__}") from exc
    if len(data) > limit:
        raise NotReadable(f"it is larger than {limit // 1024} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise NotReadable("it is not UTF-8 text") from exc


def _open_regular_file(path: str, flags: int) -> int:
    """Opening a pipe would wait for its other end, and a link may have taken the place of a file that was checked."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotReadable("it is not a file")
    return descriptor
