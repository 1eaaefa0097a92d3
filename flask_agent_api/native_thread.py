"""A real thread for calls that block in C and have to come one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import TypeVar

from .concurrency import native
from .concurrency import native_lock
from .concurrency import Outcome
from .concurrency import start_native_thread

T = TypeVar("T")


class NativeThread:
    """Does the calls it is given in their order, in one real thread, patched or not. No exit waits for it.

    It begins with the first call, and is apart from gevent's pool of threads, whose few places others may hold for
    long. Make one in the process that uses it.
    """

    def __init__(self) -> None:
        self._lock = native_lock()
        self._calls: Any = None

    def call(self, function: Callable[..., T], *args: object) -> T:
        """What the function returns or raises; other tasks go on meanwhile.

        A caller that is cancelled while it waits does not take the call back.
        """
        outcome: Outcome[T] = Outcome()
        with self._lock:
            if self._calls is None:
                self._calls = calls = native("queue", "SimpleQueue")()
                start_native_thread(lambda: _serve(calls))
            self._calls.put((outcome, function, args))
        return outcome.wait()

    def close(self) -> None:
        """Ends the thread once it has done what it was given. A later call begins another."""
        with self._lock:
            if self._calls is not None:
                self._calls.put(None)
                self._calls = None


def _serve(calls: Any) -> None:
    while (call := calls.get()) is not None:
        outcome, function, args = call
        value, error = None, None
        try:
            value = function(*args)
        except Exception as exc:  # whatever it is, it belongs to the caller
            error = exc
        outcome.set(value, error)
        del call, outcome, function, args, value, error
