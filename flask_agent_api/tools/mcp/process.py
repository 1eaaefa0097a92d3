"""The child process of an MCP server that is spoken to over its pipes."""

from __future__ import annotations

import os
import signal
import weakref
from contextlib import suppress
from io import FileIO

from ...child_process import start_child
from ...errors import ToolError
from .. import watchdog
from ..private_files import PrivateFiles
from ..process import environment
from ..process import why_not
from .config import MCPServerConfig

_ours: weakref.WeakSet[FileIO] = weakref.WeakSet()


def _close_inherited() -> None:
    # A forked process that kept the pipes open would keep the servers of its parent alive.
    for pipe in list(_ours):
        pipe.close()


os.register_at_fork(after_in_child=_close_inherited)


class ServerProcess:
    """A running server in a session of its own, and our ends of its pipes.

    Start it in the thread that serves requests: under gevent no other thread can have children.
    Raises :class:`ToolError` if the command cannot be run.
    """

    def __init__(self, config: MCPServerConfig) -> None:
        self.stdin, self.stdout, self.stderr = _Pipe(), _Pipe(), _Pipe()
        self._ours = (self.stdin.writer, self.stdout.reader, self.stderr.reader)
        self._files = PrivateFiles(config.files)
        _ours.update(self._ours)  # the other ends are for the child, which is a fork of this process too
        watchdog.ready()
        try:
            self._popen = start_child(
                [config.command or "", *self._files.fill(config.args)],
                stdin=self.stdin.reader,
                stdout=self.stdout.writer,
                stderr=self.stderr.writer,
                env=environment(config.env),
                cwd=config.cwd,
                start_new_session=True,
            )
        except (OSError, ValueError) as exc:
            self._let_go()
            raise ToolError(why_not(config.command or "", config.cwd, exc)) from None
        finally:
            for end in (self.stdin.reader, self.stdout.writer, self.stderr.writer):
                end.close()
        watchdog.watch(self._popen.pid)

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs. From any thread."""
        return self._popen.poll()  # type: ignore[no-any-return]

    def signal_group(self, number: signal.Signals) -> None:
        """Signals the server and all that it started, as far as they are still there."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, number)

    def close(self) -> None:
        """Lets go of a server that has ended: closes our ends of the pipes, deletes the files that it was given."""
        watchdog.release(self._popen.pid)
        self._let_go()

    def _let_go(self) -> None:
        self._files.remove()
        for end in self._ours:
            end.close()


class _Pipe:
    """Both ends of a pipe that no other child inherits."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self.reader, self.writer = FileIO(reader, "rb"), FileIO(writer, "wb")
