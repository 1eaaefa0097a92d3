"""Commands of hooks and tools: each in a process group of its own that nothing of survives, with few variables."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ..concurrency import sleep
from ..concurrency import spawn
from ..errors import ToolError

INHERITED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "USER")
"""The variables of this process that a command gets to see. Keys are not among them."""

OUTPUT_BYTES = 256 * 1024
"""What is kept of each of a command's outputs."""

_GRACE = 1.0
_BREATH = 0.01
_SHELLS = frozenset({"ash", "bash", "dash", "ksh", "sh", "zsh"})


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. ``env`` is added to the few variables that commands see; ``merged`` puts stderr into stdout."""

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    stdin: bytes = field(default=b"", repr=False)
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. ``exit_code`` is negative for a signal, and None if its time was up."""

    exit_code: int | None
    stdout: str
    stderr: str


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """What a command gets to see: a short list of this process's variables, and its own."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | dict(own)


def shell(script: str) -> tuple[str, ...]:
    """The command line that has the user's shell run a script; ``/bin/sh`` if that is no shell we know."""
    own = os.environ.get("SHELL", "")
    return (own if os.path.basename(own) in _SHELLS else "/bin/sh", "-c", script)


def run_command(command: Command, timeout: float) -> Outcome:
    """Runs a command to its end, or ends it after ``timeout`` seconds. Raises :class:`ToolError` if it cannot start.

    Call it in the thread that serves requests: under gevent no other thread can have children. When it returns, or is
    cancelled, the command and all that it started (and that stayed in its process group) are gone. Output beyond
    :data:`OUTPUT_BYTES` is read and thrown away.
    """
    popen = _start(command)
    try:
        readers = [_Reader(pipe) for pipe in (popen.stdout, popen.stderr) if pipe is not None]
        feeder = spawn(_feed, popen.stdin, command.stdin)
        deadline = time.monotonic() + timeout
        exit_code = _wait(popen, timeout)
        grace = min(deadline, time.monotonic() + _GRACE)
        for reader in readers:  # a child in the background may hold the pipe open
            reader.join(max(0.0, grace - time.monotonic()))
    finally:
        _end(popen)
    for reader in readers:
        reader.join(_GRACE)
    feeder.join(_GRACE)
    stdout, stderr = (*(reader.text for reader in readers), "")[:2]
    return Outcome(exit_code, stdout, stderr)


def why_not(command: str, cwd: str | None, exc: OSError | ValueError) -> str:
    """Why a command cannot be started, in a few words."""
    if cwd is not None and not os.path.isdir(cwd):
        return f"working directory not found: {cwd}"
    if isinstance(exc, FileNotFoundError):
        return f"command not found: {command}"
    if isinstance(exc, PermissionError):
        return f"command cannot be executed: {command}"
    return f"command cannot be started: {command} ({getattr(exc, 'strerror', None) or 'bad argument'})"


class _Reader:
    """Reads a pipe to its end and keeps the beginning."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self._kept = bytearray()
        self._task = spawn(self._read)

    def join(self, timeout: float) -> None:
        self._task.join(timeout)

    @property
    def text(self) -> str:
        return bytes(self._kept).decode(errors="replace")

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            while data := self._pipe.read(65536):
                self._kept += data[: OUTPUT_BYTES - len(self._kept)]
                if len(self._kept) == OUTPUT_BYTES:
                    sleep(_BREATH)  # a command that never ends to write must not take the whole process
        with suppress(OSError):
            self._pipe.close()


def _start(command: Command) -> Any:
    try:
        return subprocess.Popen(
            list(command.argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if command.merged else subprocess.PIPE,
            env=environment(command.env),
            cwd=command.cwd,
            bufsize=0,
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        raise ToolError(why_not(command.argv[0], command.cwd, exc)) from None


def _feed(pipe: Any, data: bytes) -> None:
    """Gives a command its input; one that does not read it has its reasons."""
    view = memoryview(data)
    with suppress(OSError, ValueError):
        while view:
            view = view[pipe.write(view) :]
    with suppress(OSError):
        pipe.close()


def _wait(popen: Any, timeout: float) -> int | None:
    try:
        return int(popen.wait(timeout))
    except subprocess.TimeoutExpired:
        return None


def _end(popen: Any) -> None:
    """Ends what is left of the process group: first politely, unless the command itself has ended."""
    if popen.returncode is None:
        _signal(popen.pid, signal.SIGTERM)
        _wait(popen, _GRACE)
    _signal(popen.pid, signal.SIGKILL)
    _wait(popen, _GRACE)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
