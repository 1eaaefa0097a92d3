"""Values that belong to one process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic
from typing import TypeVar

T = TypeVar("T")


class _Process:
    """The id of this process, without a system call for each look."""

    def __init__(self) -> None:
        self.look()
        os.register_at_fork(after_in_child=self.look)

    def look(self) -> None:
        self.id = os.getpid()


_process = _Process()


class PerProcess(Generic[T]):
    """A value made on first use in each process, never before a fork and never shared across one."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._pid = 0
        self._value: T | None = None
        self._locks: dict[int, threading.Lock] = {}

    def get(self) -> T:
        """The value of this process. Others that ask while it is made wait for it."""
        if self._pid != _process.id:
            # One lock per process: one that was held during a fork would stay locked in the child.
            pid = _process.id
            with self._locks.setdefault(pid, threading.Lock()):
                if self._pid != pid:
                    self._value, self._pid = self._make(), pid
        return self._value  # type: ignore[return-value]

    def peek(self) -> T | None:
        """The value if this process has made it."""
        return self._value if self._pid == _process.id else None
