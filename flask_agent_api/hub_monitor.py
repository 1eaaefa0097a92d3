"""Says in the log where a worker stands still: what computes, or waits in C, keeps all greenlets from running.

A timer of the hub notes that it turns, four times in the span that is allowed, and a native thread looks at these
notes: half a millisecond of CPU time a second, and nothing per switch. gevent's own monitoring thread saves none of it
under load, and writes the stacks of all greenlets, which may be thousands, to stderr again and again.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback

from .concurrency import every
from .concurrency import native
from .concurrency import patched
from .concurrency import start_native_thread
from .per_process import PerProcess

QUIET_SECONDS = 60.0
"""There is one warning in this time; how many there would have been besides is said with the next."""

_LOOKS = 4
_FRAMES = 30
_logger = logging.getLogger("flask_agent_api.hub")


def watch_hub(seconds: float) -> None:
    """From now on warns when this process serves nobody for so long. Call it in the thread that serves requests.

    The first call in a process holds. Does nothing for 0, and in threads, where the others go on.
    """
    monitors = _monitors.get()
    if seconds and patched() and not monitors:
        monitors.append(_Monitor(seconds))


class _Monitor:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._thread = native("_thread", "get_ident")()
        self._sleep = native("time", "sleep")
        self._turned = self._told_of = time.monotonic()
        self._last_warning = -QUIET_SECONDS
        self._untold = 0
        every(seconds / _LOOKS, self._turn)
        start_native_thread(self._watch)

    def _turn(self) -> None:
        self._turned = time.monotonic()

    def _watch(self) -> None:
        while True:
            self._sleep(self._seconds / _LOOKS)
            turned, now = self._turned, time.monotonic()
            if now - turned > self._seconds and turned != self._told_of:
                self._told_of = turned
                self._tell(now, now - turned)

    def _tell(self, now: float, seconds: float) -> None:
        if now < self._last_warning + QUIET_SECONDS:
            self._untold += 1
            return
        stack = "".join(traceback.format_stack(sys._current_frames().get(self._thread))[-_FRAMES:])
        besides = f" (and {self._untold} times since the last such warning)" if self._untold else ""
        _logger.warning("this worker has stood still for %.1f s%s. It is here:\n%s", seconds, besides, stack)
        self._last_warning, self._untold = now, 0


_monitors: PerProcess[list[_Monitor]] = PerProcess(list)
