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

from ..child_process import start_child
from ..concurrency import Cancelled
from ..concurrency import finite
from ..concurrency import sleep
from ..concurrency import spawn
from ..errors import ToolError
from . import watchdog
from .kept_output import KeptOutput

INHERITED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "USER")
"""The variables of this process that a command gets to see. Keys are not among them."""

OUTPUT_BYTES = 256 * 1024
"""What is kept of each of a command's outputs, unless it says otherwise."""

_GRACE = 1.0
_GRACE_OF_CANCELLED = 0.1
_GRACE_OF_PIPES = 0.5
_BREATH = 0.001
_SHELLS = frozenset({"ash", "bash", "dash", "ksh", "sh", "zsh"})


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. ``env`` is added to the few variables that commands see; ``merged`` puts stderr into stdout.

    Of each output the first ``head`` and the last ``tail`` bytes are kept.
    """

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    stdin: bytes = field(default=b"", repr=False)
    merged: bool = False
    head: int = OUTPUT_BYTES
    tail: int = 0


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

    What holds for :class:`RunningCommand` holds here, too.
    """
    running = RunningCommand(command)
    exit_code = running.finish(timeout)
    return Outcome(exit_code, running.stdout.text(), running.stderr.text())


class RunningCommand:
    """A command that has been started, and what is kept of its output so far.

    Start it in the thread that serves requests: under gevent no other thread can have children.
    Raises :class:`ToolError` if it cannot start.
    """

    def __init__(self, command: Command) -> None:
        self._popen = start_process(command)
        self.stdout = KeptOutput(command.head, command.tail)
        self.stderr = KeptOutput(command.head, command.tail)
        pipes = ((self._popen.stdout, self.stdout), (self._popen.stderr, self.stderr))
        self._readers = [spawn(_read, pipe, kept) for pipe, kept in pipes if pipe is not None]
        self._feeder = spawn(_feed, self._popen.stdin, command.stdin)

    def finish(self, timeout: float | None = None) -> int | None:
        """Waits for its end, or ends it after ``timeout`` seconds; the exit code, None if its time was up.

        Call it once. When it returns, or is cancelled, the command and all that it started (and that stayed in its
        process group) are gone.
        """
        grace = _GRACE_OF_CANCELLED
        try:
            deadline = float("inf") if timeout is None else time.monotonic() + timeout
            exit_code = _wait(self._popen, timeout)
            until = min(deadline, time.monotonic() + _GRACE_OF_PIPES)
            for reader in self._readers:  # a child in the background may hold the pipe open
                reader.join(max(0.0, until - time.monotonic()))
            grace = _GRACE
        finally:
            end_process(self._popen, grace)
        self._let_go()
        return exit_code

    def terminate(self) -> None:
        """Asks the command, and what it started, to end."""
        _signal(self._popen.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Ends the command, and what it started, at once."""
        _signal(self._popen.pid, signal.SIGKILL)

    def _let_go(self) -> None:
        """A daemon outside of the process group may hold the pipes for ever: they are left to it."""
        until = time.monotonic() + _GRACE
        for task in (*self._readers, self._feeder):
            if not task.join(max(0.0, until - time.monotonic())):
                task.cancel(Cancelled("command ended"))


def why_not(command: str, cwd: str | None, exc: OSError | ValueError) -> str:
    """Why a command cannot be started, in a few words."""
    if cwd is not None and not os.path.isdir(cwd):
        return f"working directory not found: {cwd}"
    if isinstance(exc, FileNotFoundError):
        return f"command not found: {command}"
    if isinstance(exc, PermissionError):
        return f"command cannot be executed: {command}"
    return f"command cannot be started: {command} ({getattr(exc, 'strerror', None) or 'bad argument'})"


def _read(pipe: Any, kept: KeptOutput) -> None:
    """Reads a pipe to its end."""
    try:
        while data := pipe.read(65536):
            kept.add(data)
            if kept.cut:
                sleep(_BREATH)  # a command that never ends to write must not take the whole process
    except (OSError, ValueError):
        return
    finally:
        with suppress(OSError):
            pipe.close()


def start_process(command: Command) -> Any:
    """The process, and our ends of its pipes. No other task runs meanwhile, so that a cancel cannot lose it.

    Raises :class:`ToolError` if it cannot start.
    """
    watchdog.ready()
    try:
        popen = start_child(
            list(command.argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if command.merged else subprocess.PIPE,
            env=environment(command.env),
            cwd=command.cwd,
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        raise ToolError(why_not(command.argv[0], command.cwd, exc)) from None
    watchdog.watch(popen.pid)
    return popen


def _feed(pipe: Any, data: bytes) -> None:
    """Gives a command its input; one that does not read it has its reasons."""
    view = memoryview(data)
    with suppress(OSError, ValueError):
        while view:
            view = view[pipe.write(view) :]
    with suppress(OSError):
        pipe.close()


def _wait(popen: Any, timeout: float | None) -> int | None:
    try:
        return int(popen.wait(finite(timeout)))
    except subprocess.TimeoutExpired:
        return None


def end_process(popen: Any, grace: float) -> None:
    """Ends what is left of the process group: first politely, unless the command itself has ended."""
    if popen.returncode is None:
        _signal(popen.pid, signal.SIGTERM)
        _wait(popen, grace)
    _signal(popen.pid, signal.SIGKILL)
    watchdog.release(popen.pid)
    _wait(popen, _GRACE)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
