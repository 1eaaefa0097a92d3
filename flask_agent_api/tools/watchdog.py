"""Sees to it that no child process outlives its worker, however the worker ends.

A worker that is killed (SIGKILL, out of memory) cleans nothing up, and a command that it started would go on. So each
worker that starts one has a small shell process beside it, which knows the process groups and waits for the end of a
pipe: only the worker holds its other end. The kernel's own means, PR_SET_PDEATHSIG, would not do: it ends the child
alone and not what that started, and it goes by the thread that forked, which may be gone long before the worker is.
"""

from __future__ import annotations

import logging
import os
import subprocess
from contextlib import suppress

from ..child_process import start_child
from ..per_process import PerProcess

GRACE_SECONDS = 2
"""How long what is told to end after its worker (SIGTERM) may take for it."""

_SCRIPT = f"""
trap '' HUP INT TERM
watched=' '
while read -r sign group; do
  case "$sign$watched" in
    +*) watched="$watched$group " ;;
    -*" $group "*) watched="${{watched%% $group *}} ${{watched#* $group }}" ;;
  esac
done
[ "$watched" = ' ' ] && exit
for group in $watched; do kill -s TERM -- "-$group"; done
sleep {GRACE_SECONDS}
for group in $watched; do kill -s KILL -- "-$group"; done
"""

_logger = logging.getLogger("flask_agent_api.watchdog")
_writers: list[int] = []


def _close_inherited() -> None:
    # A forked process that kept the pipe open would keep the children of its parent alive.
    while _writers:
        os.close(_writers.pop())


os.register_at_fork(after_in_child=_close_inherited)


def ready() -> None:
    """Starts the watchdog of this process, unless it is there. Call it where children can be had, before the first."""
    _watchdog.get()


def watch(group: int) -> None:
    """From now on the process group ends with this process."""
    _watchdog.get().tell("+", group)


def release(group: int) -> None:
    """The process group is over, and its number may belong to others. Harmless when repeated."""
    watchdog = _watchdog.peek()
    if watchdog is not None:
        watchdog.tell("-", group)


class _Watchdog:
    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        _writers.append(self._writer)
        os.set_blocking(self._writer, False)
        try:
            self._process = start_child(
                ["/bin/sh", "-c", _SCRIPT],
                stdin=reader,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": os.defpath},
                start_new_session=True,
            )
        except OSError as exc:
            _logger.warning("no watchdog (%s): if this process is killed, commands that it started go on", exc)
        finally:
            os.close(reader)

    def tell(self, sign: str, group: int) -> None:
        """A line, which the pipe takes at once. Where nobody reads it nothing is watched."""
        with suppress(OSError):
            os.write(self._writer, f"{sign} {group}\n".encode())


_watchdog = PerProcess(_Watchdog)
