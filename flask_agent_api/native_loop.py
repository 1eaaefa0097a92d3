"""An asyncio loop that is real even where gevent has patched the standard library."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from .concurrency import native
from .concurrency import start_native_thread

_MAX_THREADS = 32


class NativeLoop(asyncio.SelectorEventLoop):
    """A loop whose selector, name look-ups and helper threads do not belong to gevent.

    The patched ones would wait for a hub in the loop's thread, which nothing runs: a look-up would never end.
    """

    def __init__(self) -> None:
        super().__init__(_selector())
        self._helpers = _Helpers()

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Calls ``func`` in a real thread that no exit waits for, at the most 32 at a time."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        return self._helpers.start(self, partial(func, *args))

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        """Looks a name up in a real thread."""
        lookup = native("socket", "getaddrinfo")
        return await self.run_in_executor(None, lookup, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        """Looks an address up in a real thread."""
        return await self.run_in_executor(None, native("socket", "getnameinfo"), sockaddr, flags)

    def close(self) -> None:
        """Lets go of the selector and the helper threads."""
        self._helpers.close()
        super().close()


class _Helpers:
    """Real threads that are kept: gevent never frees all it makes for a thread that waited in patched code."""

    def __init__(self) -> None:
        self._queue: Any = native("queue", "SimpleQueue")()
        self._threads = 0
        self._busy = 0

    def start(self, loop: asyncio.AbstractEventLoop, work: Callable[[], Any]) -> asyncio.Future[Any]:
        future = loop.create_future()
        self._busy += 1
        if self._threads < min(self._busy, _MAX_THREADS):
            self._threads += 1
            start_native_thread(self._serve)
        self._queue.put((loop, future, work))
        return future

    def close(self) -> None:
        for _ in range(self._threads):
            self._queue.put(None)

    def _serve(self) -> None:
        while (item := self._queue.get()) is not None:
            loop, future, work = item
            value, error = None, None
            try:
                value = work()
            except Exception as exc:  # whatever it is, it belongs to whoever awaits the future
                error = exc
            with suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(self._settle, future, value, error)
            del item, loop, future, work, value, error

    def _settle(self, future: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
        self._busy -= 1
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)


def _selector() -> selectors.BaseSelector:
    for name in ("EpollSelector", "KqueueSelector"):
        try:
            return native("selectors", name)()  # type: ignore[no-any-return]
        except AttributeError:
            continue
    return _NativePollSelector()


class _NativePollSelector(selectors.PollSelector):
    _selector_cls = native("select", "poll")
