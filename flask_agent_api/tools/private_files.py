"""Files that one child process is given, which nobody else can read and which go when it ends."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_PREFIX = "flask-agent-api-files-"
_OLD_SECONDS = 24 * 3600.0


class PrivateFiles:
    """Texts as files, by the placeholder that stands for each file's path in a command line."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._folder = ""
        self._paths: dict[str, str] = {}
        if not texts:
            return
        _sweep()
        self._folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")  # for this user alone
        for number, (placeholder, text) in enumerate(texts.items()):
            path = Path(self._folder, str(number))
            path.write_text(text, encoding="utf-8")
            self._paths[placeholder] = str(path)

    def fill(self, args: Sequence[str]) -> list[str]:
        """The arguments with the paths in their places."""
        return [self._paths.get(arg, arg) for arg in args]

    def remove(self) -> None:
        """Deletes the files."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _sweep() -> None:
    """Deletes what processes left behind that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with suppress(OSError):
            if folder.stat().st_mtime < time.time() - _OLD_SECONDS and not (pid.isdigit() and _runs(int(pid))):
                shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
