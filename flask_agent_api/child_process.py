"""Programs that are started, and waited for as everything else here.

``subprocess`` as gevent patches it forks, and runs Python in the child until it becomes the program: first of all what
libraries have registered for forks. One that waits there, as OpenTelemetry's SDK does for threads, lets all other tasks
of this process go on in the child, a second time. Here a child runs no Python at all.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import subprocess
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from .concurrency import Event
from .concurrency import FileObject
from .concurrency import finite
from .concurrency import fork_and_watch
from .concurrency import hub
from .concurrency import native
from .concurrency import patched


def start_child(argv: Sequence[str], **options: Any) -> Any:
    """Starts a program; the parts of :class:`subprocess.Popen` that :class:`ChildProcess` has.

    ``options`` are Popen's; pipes are unbuffered. Call it in the thread that serves requests: under gevent no other
    thread can have children. Raises what Popen raises: OSError if it cannot start, ValueError for a NUL in ``argv``.
    """
    return ChildProcess(argv, options) if patched() else subprocess.Popen(argv, bufsize=0, **options)


class ChildProcess:
    """A program that has been started under gevent."""

    def __init__(self, argv: Sequence[str], options: dict[str, Any]) -> None:
        hub().loop.install_sigchld()  # before it can end
        self._native = _unpatched().Popen(argv, bufsize=0, **options)
        self._ended = Event()
        self.pid: int = self._native.pid
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = map(
            _green, (self._native.stdin, self._native.stdout, self._native.stderr)
        )
        fork_and_watch(self._on_end, ref=True, fork=lambda: self.pid)

    def _on_end(self, watcher: Any) -> None:
        self.returncode = self._native.returncode = os.waitstatus_to_exitcode(watcher.rstatus)
        self._ended.set()

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs. From any thread."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code when it has ended. Raises :class:`subprocess.TimeoutExpired` after ``timeout`` seconds."""
        if not self._ended.wait(finite(timeout)) or self.returncode is None:
            raise subprocess.TimeoutExpired(self._native.args, timeout or 0.0)
        return self.returncode


@functools.cache
def _unpatched() -> Any:
    """A copy of ``subprocess`` that starts programs in C alone, and closes files at once, as gevent's does not."""
    spec = importlib.util.find_spec("subprocess")
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    plain = {name: native("os", name) for name in ("close", "waitpid")}
    copy.os = SimpleNamespace(**{**vars(os), **plain})  # type: ignore[attr-defined]
    return copy


def _green(pipe: Any) -> Any:
    """A pipe to the program that is read and written while others work."""
    if pipe is None:
        return None
    with pipe:  # of two that own one file, the last to be closed may close somebody else's
        return FileObject(os.dup(pipe.fileno()), pipe.mode, 0)
