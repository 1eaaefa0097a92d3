"""One asyncio event loop per process, in a real thread, for async agents, async tools and MCP.

Tasks of this process (greenlets, or threads where nothing is patched) hand coroutines over and wait for what
comes back. The loop is made on first use, so never before a fork, and stopped when the process exits.

Under gevent the loop's thread is a real one all the same: ``asyncio.to_thread`` and name look-ups work there,
asyncio's own subprocesses and ``anyio.to_thread`` do not, since they start patched threads and children.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import logging
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from typing import Generic
from typing import TypeVar

from .concurrency import native_lock
from .concurrency import Outcome
from .concurrency import start_native_thread
from .native_loop import NativeLoop
from .per_process import PerProcess

T = TypeVar("T")

EXIT_TIMEOUT = 2.5
"""Seconds that tasks get for their cleanup when the process exits."""

_BUFFER = 16
_logger = logging.getLogger("flask_agent_api.loop_thread")


def run(coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
    """Runs a coroutine on the loop, with a copy of the caller's context variables, and waits for its result.

    Whatever ends the wait early, a cancelled task included, cancels the coroutine. Does not wait for its cleanup.
    Raises TimeoutError after ``timeout`` seconds, and RuntimeError on the loop itself, where ``await`` does it.
    """
    thread = _thread.get()
    if thread.is_current():
        coroutine.close()
        raise RuntimeError("This coroutine would wait for itself: async code must await it")
    outcome: Outcome[T] = Outcome()
    job = thread.start(coroutine, outcome.set)
    try:
        return outcome.wait(timeout)
    finally:
        job.cancel()


def submit(coroutine: Coroutine[Any, Any, object]) -> Job:
    """Starts a coroutine on the loop and returns at once. A failure is logged."""
    return _thread.get().start(coroutine, _log_failure)


def iterate(source: AsyncIterator[T]) -> Iterator[T]:
    """The items of an async iterator, as they come; the source is at most a few items ahead of its reader.

    Closing the iterator cancels the source and closes it, if it can be closed, without waiting for that.
    """
    relay: _Relay[T] = _Relay()
    job = _thread.get().start(relay.pump(source), relay.finish)
    try:
        while (items := relay.take(job)) is not None:
            yield from items
    finally:
        job.cancel()


def stop(timeout: float = EXIT_TIMEOUT) -> None:
    """Cancels all that runs on the loop, gives it ``timeout`` seconds to clean up, and ends the loop.

    Happens by itself when the process exits. A later use makes a new loop.
    """
    global _thread
    thread, _thread = _thread.peek(), PerProcess(_LoopThread)
    if thread is not None:
        thread.stop(timeout)


class TaskCancelled(RuntimeError):
    """Something on the loop's side cancelled the coroutine that a caller waits for."""


class Job:
    """A coroutine that runs on the loop."""

    __slots__ = ("_done", "_loop", "_report", "_task")

    def __init__(self, loop: asyncio.AbstractEventLoop, report: Callable[[Any, Exception | None], object]) -> None:
        self._loop = loop
        self._report = report
        self._task: asyncio.Task[Any] | None = None
        self._done = False

    def cancel(self) -> None:
        """Asks the coroutine to end; from any thread, harmless when it has ended."""
        if not self._done:
            self.call(self._cancel)

    def call(self, function: Callable[[], object]) -> None:
        """Calls ``function`` in the loop's thread, soon. Does nothing once the loop has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Starts the coroutine; in the loop's thread."""
        self._task = self._loop.create_task(coroutine)
        self._task.add_done_callback(self._finished)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._done = True
        if task.cancelled():
            self._report(None, TaskCancelled("The asyncio task was cancelled"))
            return
        error = task.exception()
        if error is not None and not isinstance(error, Exception):
            # SystemExit and the like belong to the task, not to the process that waits for it.
            error = RuntimeError(f"The asyncio task raised {type(error).__name__}")
        self._report(None if error else task.result(), error)


class _LoopThread:
    """The loop and its thread."""

    def __init__(self) -> None:
        self._loop = NativeLoop()
        self._stopping = False
        self._on_end: Callable[[None], object] = _ignore
        start_native_thread(self._serve)
        atexit.register(stop)

    def is_current(self) -> bool:
        """Whether the caller is async code that runs on the loop."""
        return asyncio._get_running_loop() is self._loop

    def start(self, coroutine: Coroutine[Any, Any, T], report: Callable[[Any, Exception | None], object]) -> Job:
        """Starts a coroutine; ``report`` gets its value or error, in the loop's thread."""
        job = Job(self._loop, report)
        try:
            self._loop.call_soon_threadsafe(job.begin, coroutine, context=contextvars.copy_context())
        except RuntimeError:
            coroutine.close()
            raise
        return job

    def _serve(self) -> None:
        while not self._stopping:
            with suppress(SystemExit, KeyboardInterrupt):  # raised by a task, reported to whoever waits for it
                self._loop.run_forever()
        self._on_end(None)

    def stop(self, timeout: float) -> None:
        """Ends the loop; logs what does not end in time."""
        ended: Outcome[None] = Outcome()
        self._on_end = ended.set
        self.start(self._shut_down(timeout), _log_failure)
        try:
            ended.wait(timeout + 0.5)
        except TimeoutError:
            _logger.warning("The asyncio loop did not end within %.1f s", timeout)
            return
        self._loop.close()

    async def _shut_down(self, timeout: float) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=timeout)
            for task in left:
                _logger.warning("An asyncio task did not end within %.1f s: %s", timeout, task.get_name())
        self._stopping = True
        self._loop.stop()


_thread: PerProcess[_LoopThread] = PerProcess(_LoopThread)


def _ignore(value: object) -> None:
    """Nobody waits for the loop's end."""


def _log_failure(value: object, error: Exception | None) -> None:
    if error is not None and not isinstance(error, TaskCancelled):
        _logger.error("A background task failed", exc_info=error)


class _Relay(Generic[T]):
    """Carries items from the loop's thread to one reader."""

    def __init__(self) -> None:
        self._lock = native_lock()
        self._items: list[T] = []
        self._waiter: Outcome[None] | None = None
        self._space = asyncio.Event()
        self._finished = False
        self._error: Exception | None = None

    async def pump(self, source: AsyncIterator[T]) -> None:
        """Puts all items of ``source``; in the loop's thread."""
        try:
            async for item in source:
                self._space.clear()
                if self._put(item):
                    await self._space.wait()
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()

    def _put(self, item: T) -> bool:
        with self._lock:
            self._items.append(item)
            full = len(self._items) >= _BUFFER
            waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.set(None)
        return full

    def finish(self, value: object, error: Exception | None) -> None:
        """No more items come; ``error`` is what the reader gets after those that are here."""
        with self._lock:
            self._finished, self._error = True, error
            waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.set(None)

    def take(self, job: Job) -> list[T] | None:
        """All items that are here, after waiting for the first one; None when there are no more."""
        while True:
            with self._lock:
                items, self._items = self._items, []
                waiter = self._waiter = None if items or self._finished else Outcome()
            if len(items) >= _BUFFER:
                job.call(self._space.set)
            if items:
                return items
            if waiter is None:
                break
            waiter.wait()
        if self._error is not None:
            raise self._error
        return None
