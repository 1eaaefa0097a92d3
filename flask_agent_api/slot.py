"""The mailbox between a run and its reader."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any
from typing import Generic
from typing import TypeVar

from .concurrency import Cancelled
from .concurrency import finite
from .concurrency import hub
from .concurrency import patched
from .concurrency import Waiter

T = TypeVar("T")

_NEVER = float("inf")


class Closed(Cancelled):
    """The slot has no reader any more."""


class Slot(Generic[T]):
    """A mailbox between one run and its one reader: bounded, and closed by the last thing put into it."""

    def __new__(cls, size: int) -> Slot[T]:
        return object.__new__(_GreenSlot if patched() else cls)

    def __init__(self, size: int) -> None:
        self._size = size
        self.closed = False
        """Whether the last item is known, though perhaps not read."""
        self._drained = False
        self.last: T | None = None
        """The last item, once it is known."""
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self.taker: Callable[[T], bool] | None = None
        """Whom a writer may give an item while the reader waits, in place of waking it; false: it was not taken.

        Never asked in threads.
        """

    def put(self, item: T) -> None:
        """Waits while the slot is full. Raises :class:`Closed` once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or len(self._items) < self._size)
            if self.closed:
                raise Closed
            self._items.append(item)
            self._changed.notify_all()

    def offer(self, item: T) -> bool:
        """Gives an item to the taker, if the reader waits; false if it was not taken. Never waits."""
        return False

    def close(self, last: T) -> bool:
        """Ends the slot: what is in it can still be read, then ``last``. False if it was closed before."""
        with self._changed:
            if self.closed:
                return False
            self.last, self.closed = last, True
            self._changed.notify_all()
            return True

    def get(self, timeout: float, left: float = _NEVER) -> T | None:
        """The next item, or None after ``timeout`` seconds without one, or ``left`` seconds in any case.

        Raises :class:`Closed` after the last item.
        """
        timeout = min(timeout, left)
        with self._changed:
            self._changed.wait_for(lambda: self.closed or self._items, finite(timeout))
            item = self._take()
            self._changed.notify_all()
            return item

    def ready(self) -> T | None:
        """The next item if it is there already; the last one counts. Never waits."""
        with self._changed:
            there = self._items or (self.closed and not self._drained)
            item = self._take() if there else None
            self._changed.notify_all()
            return item

    def wake(self) -> None:
        """Makes :meth:`get` return None at once, if it waits. Does nothing in threads."""

    def _take(self) -> T | None:
        if self._items:
            return self._items.popleft()
        if not self.closed:
            return None
        if self._drained:
            raise Closed
        self._drained = True
        return self.last


class _GreenSlot(Slot[T]):
    """The same among greenlets of one hub, which switch only where they wait: no locks, and no timer for each wait."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.closed = False
        self._drained = False
        self.last = None
        self._items = deque()
        self._hub = hub()
        self._reader: Any = None
        self._writers: list[Any] = []
        self._alarm = _Alarm(self._hub)
        self._now = self._hub.loop.now
        self.taker = None

    def offer(self, item: T) -> bool:
        if self._reader is None or self.taker is None or not self.taker(item):
            return False
        self._alarm.began = self._now()
        return True

    def put(self, item: T) -> None:
        if self.offer(item):
            return
        while len(self._items) >= self._size and not self.closed:
            self._wait_for_room()
        if self.closed:
            raise Closed
        self._items.append(item)
        if self._reader is not None:
            self._wake_reader()

    def close(self, last: T) -> bool:
        if self.closed:
            return False
        self.last, self.closed, self.taker = last, True, None
        self._alarm.close()
        self._wake_reader()
        self._wake_writers()
        return True

    def get(self, timeout: float, left: float = _NEVER) -> T | None:
        if not self._items and not self.closed and timeout > 0 and left > 0:
            self._reader = waiter = Waiter(self._hub)
            self._alarm.set(timeout, waiter, left)
            try:
                waiter.get()
            finally:
                self._reader = None
                self._alarm.unset()
        item = self._take()
        if self._writers:
            self._wake_writers()
        return item

    def ready(self) -> T | None:
        item = self._take() if self._items or (self.closed and not self._drained) else None
        if self._writers:
            self._wake_writers()
        return item

    def wake(self) -> None:
        self._wake_reader()

    def _wait_for_room(self) -> None:
        waiter = Waiter(self._hub)
        self._writers.append(waiter)
        try:
            waiter.get()
        finally:
            if waiter in self._writers:
                self._writers.remove(waiter)

    def _wake_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            self._hub.loop.run_callback(reader.switch, None)

    def _wake_writers(self) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            self._hub.loop.run_callback(writer.switch, None)


class _Alarm:
    """Wakes a waiter when its time is up. One timer serves many waits: it looks when it fires whether it is due."""

    __slots__ = ("_latest", "_loop", "_rings", "_seconds", "_timer", "_waiter", "began")

    def __init__(self, hub: Any) -> None:
        self._loop = hub.loop
        self._timer: Any = None
        self._rings = _NEVER
        self._seconds = _NEVER
        self._latest = _NEVER
        self._waiter: Any = None
        self.began = 0.0
        """When the wait began, on the loop's clock. To put the alarm off, begin anew."""

    def set(self, seconds: float, waiter: Any, at_most: float = _NEVER) -> None:
        """Wakes ``waiter`` after so many seconds, or ``at_most`` however often it is put off, unless it is unset."""
        self.began = now = self._loop.now()
        self._waiter = waiter
        self._seconds, self._latest = seconds, now + at_most
        due = self._due()
        if due < self._rings:
            self._start(due - now)

    def _due(self) -> float:
        return min(self.began + self._seconds, self._latest)

    def unset(self) -> None:
        """Forgets the waiter; the timer goes on, for the next one."""
        self._waiter = None

    def close(self) -> None:
        """Stops the timer for good."""
        self._waiter = None
        self._stop()

    def _start(self, seconds: float) -> None:
        self._stop()
        if seconds < threading.TIMEOUT_MAX:
            self._rings = self._loop.now() + seconds
            self._timer = self._loop.timer(seconds)
            self._timer.start(self._ring, update=True)

    def _stop(self) -> None:
        self._rings = _NEVER
        if self._timer is not None:
            self._timer.close()
            self._timer = None

    def _ring(self) -> None:
        left = self._due() - self._loop.now()
        waiter = self._waiter
        if left > 0.001:
            self._start(left)
            return
        self._stop()
        if waiter is not None:
            self._waiter = None
            waiter.switch(None)
