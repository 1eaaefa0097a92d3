"""Tasks in greenlets that are used again: a new one costs as much as a tenth of a short turn.

CPython 3.11 maps and unmaps memory for the frames of each new greenlet, and touches it for the first time. What the
greenlets keep for themselves (``threading.local``) outlives a task, so they are for our own code, not for the app's.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

from .concurrency import finite
from .concurrency import GreenTask
from .concurrency import hub
from .concurrency import patched
from .concurrency import spawn
from .concurrency import start_greenlet
from .concurrency import Task

MOST_IDLE = 64
"""Greenlets that wait for a task; one more ends with its task."""


def spawn_reused(function: Callable[..., object], *args: object) -> Task:
    """What :func:`~flask_agent_api.concurrency.spawn` does, in a greenlet that had other tasks before."""
    if not patched():
        return spawn(function, *args)
    task = _Task(contextvars.copy_context(), function, args)
    start(task.run)
    return task


def start(work: Callable[[Host], object]) -> Host:
    """Has an idle greenlet, or else a new one, call ``work`` with its host. Only where there is gevent."""
    if _idle and _idle[-1].hub is hub():
        host = _idle.pop()
        host.wake(work)
        return host
    return Host(work)


def idle() -> int:
    """How many greenlets wait for a task."""
    return len(_idle)


class _Task(GreenTask):
    """See :class:`~flask_agent_api.concurrency.Task`."""

    __slots__ = ("_args", "_context", "_ended", "_function", "_host", "_over")

    def __init__(self, context: contextvars.Context, function: Callable[..., object], args: tuple[object, ...]) -> None:
        super().__init__()
        self._context = context
        self._function = function
        self._args = args
        self._host: Host | None = None
        self._over = False
        self._ended: threading.Event | None = None

    def run(self, host: Host) -> None:
        """Called in the greenlet of ``host``."""
        self._host = host
        try:
            self._work(self._context.run, self._function, *self._args)
        finally:
            self._over, self._host = True, None
            if self._ended is not None:
                self._ended.set()

    def _greenlet_at_work(self) -> Any:
        return self._host and self._host.greenlet  # it has begun: the hub calls back in order

    def join(self, timeout: float | None = None) -> bool:
        if not self._over:
            self._ended = self._ended or threading.Event()
            self._ended.wait(finite(timeout))
        return self._over


class Host:
    """A greenlet that does one work after the other."""

    def __init__(self, work: Callable[[Host], object]) -> None:
        self.hub = hub()
        self.stays = True
        """Whether the greenlet is to wait for more when its work is done."""
        self._work: Callable[[Host], object] | None = work
        # In a context of its own: that of the first work would be kept for ever.
        self.greenlet: Any = contextvars.Context().run(start_greenlet, self._loop)

    def wake(self, work: Callable[[Host], object]) -> None:
        """Gives an idle host its next work."""
        self._work = work
        self.hub.loop.run_callback(self.greenlet.switch)

    def _loop(self) -> None:
        while self._work is not None:
            work, self._work = self._work, None
            work(self)
            del work
            if self.stays and len(_idle) < MOST_IDLE:
                _idle.append(self)
                self.hub.switch()


_idle: list[Host] = []
