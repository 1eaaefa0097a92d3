"""The only module that knows gevent: tasks, mailboxes, the way back from native threads, gone clients.

Under gevent a task is a greenlet, elsewhere (gthread, ``flask run``) it is a thread. Which of the two holds is
looked up when something starts, since gunicorn patches a worker only after it has forked. This module imports
nothing that must be patched first, so that :func:`patch_all` can be called through it.
"""

from __future__ import annotations

import contextlib
import contextvars
import fcntl
import os
import sys
import termios
import threading
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import Generic
from typing import Protocol
from typing import TypeVar

import gevent
import gevent.event
from gevent import monkey
from gevent.event import Event as Event
from gevent.fileobject import FileObject as FileObject
from gevent.hub import Waiter as Waiter
from gevent.os import fork_and_watch as fork_and_watch
from gevent.pool import Pool as Pool
from gevent.threadpool import ThreadPool

T = TypeVar("T")

_MSG_PEEK_NOWAIT = 0x02 | 0x40  # MSG_PEEK | MSG_DONTWAIT, without importing socket before it is patched
_READ = 1
_BOTH_WAYS = 2  # SHUT_RDWR
_NEVER = float("inf")
_OFFLOAD_THREADS = 10


class Cancelled(gevent.GreenletExit):  # type: ignore[misc]
    """Raised inside a task that is being cancelled. Not an ``Exception``: only cleanup code sees it."""


FAILURES: tuple[type[BaseException], ...] = (Exception, SystemExit, gevent.Timeout)
"""What the code of agents and tools may fail with. ``sys.exit`` or a time limit of its own must not end the worker."""


class Task(Protocol):
    """A function that runs beside its caller."""

    def cancel(self, reason: Cancelled) -> bool:
        """Raises ``reason`` inside the task, once. False for a thread, which cannot be interrupted.

        Does not wait. A later call does nothing, so cleanup that a first one began is never broken.
        """
        ...

    def shield(self) -> None:
        """From now on nothing is raised inside the task: what is left to do is cleanup."""
        ...

    def join(self, timeout: float | None = None) -> bool:
        """Waits for the end; false if ``timeout`` seconds were not enough."""
        ...


def patch_all() -> None:
    """Patches the standard library for gevent, if nothing has done so yet."""
    if not patched():
        monkey.patch_all()


_patched = False


def patched() -> bool:
    """Whether sockets and threads of this process belong to gevent."""
    global _patched
    if not _patched:  # nothing is ever unpatched
        _patched = bool(monkey.is_module_patched("socket"))
    return _patched


def forget_where_greenlets_come_from() -> None:
    """Spares each new greenlet a look at who spawned it, which gevent notes for those who debug."""
    gevent.config.track_greenlet_tree = False


hub: Callable[[], Any] = gevent.get_hub
"""gevent's hub of this thread: the loop, and where greenlets switch to when they wait."""

start_greenlet: Callable[..., Any] = gevent.spawn
"""Starts a greenlet, where there is gevent. For tasks use :func:`spawn`."""


def spawn(function: Callable[..., object], *args: object) -> Task:
    """Starts a task with a copy of the caller's context variables. ``function`` must not raise."""
    context = contextvars.copy_context()
    return _GreenletTask(context, function, args) if patched() else _ThreadTask(context, function, args)


class GreenTask:
    """What tasks in greenlets have in common: they are cancelled once, unless they are shielded or over."""

    __slots__ = ("_reason", "_shielded")

    def __init__(self) -> None:
        self._reason: Cancelled | None = None
        self._shielded = False

    def _greenlet_at_work(self) -> Any:
        """The greenlet that works on the task; None if it is over."""
        raise NotImplementedError

    def cancel(self, reason: Cancelled) -> bool:
        if self._reason is None:
            self._reason = reason
            hub().loop.run_callback(self._deliver)
        return True

    def _deliver(self) -> None:
        # Looked up here, not in cancel(): the task may have come to its cleanup, or to its end, in between.
        if not self._shielded and (greenlet := self._greenlet_at_work()) is not None:
            greenlet.throw(self._reason)

    def shield(self) -> None:
        self._shielded = True

    def _work(self, function: Callable[..., object], *args: object) -> None:
        """Calls the function; a cancel ends here."""
        try:
            function(*args)
        except Cancelled:
            return
        finally:
            if self._reason is not None:  # the frames it came through refer to the task, which refers to it
                self._reason.__traceback__ = None


class _GreenletTask(GreenTask):
    __slots__ = ("_greenlet",)

    def __init__(self, context: contextvars.Context, function: Callable[..., object], args: tuple[object, ...]) -> None:
        super().__init__()
        self._greenlet = gevent.spawn(context.run, self._work, function, *args)

    def _greenlet_at_work(self) -> Any:
        return None if self._greenlet.dead else self._greenlet

    def join(self, timeout: float | None = None) -> bool:
        self._greenlet.join(finite(timeout))
        return bool(self._greenlet.dead)


class _ThreadTask:
    __slots__ = ("_thread",)

    def __init__(self, context: contextvars.Context, function: Callable[..., object], args: tuple[object, ...]) -> None:
        self._thread = threading.Thread(target=context.run, args=(self._work, function, args), daemon=True)
        self._thread.start()

    @staticmethod
    def _work(function: Callable[..., object], args: tuple[object, ...]) -> None:
        with contextlib.suppress(Cancelled):
            function(*args)

    def cancel(self, reason: Cancelled) -> bool:
        """A thread ends by itself: at its next event, or when a socket or a time limit gives up."""
        return False

    def shield(self) -> None:
        """Nothing is ever raised inside a thread."""

    def join(self, timeout: float | None = None) -> bool:
        self._thread.join(finite(timeout))
        return not self._thread.is_alive()


def finite(timeout: float | None) -> float | None:
    """The timeout as the standard library takes it: None for one that never comes."""
    return None if timeout is None or timeout > threading.TIMEOUT_MAX else timeout


def _plain(sock: Any) -> Any:
    """The system's socket inside one of gevent's; None for a TLS one, for none, and where there is no gevent."""
    # The class is asked: the socket itself looks for what it lacks in Python.
    return None if hasattr(type(sock), "cipher") else getattr(sock, "_sock", None)


class Receiver:
    """Reads from a connected socket with a time limit for each read, ``seconds``, and one for all, ``until``.

    ``until`` is on the monotonic clock. On a plain socket under gevent a read is one wait and one system call: the
    socket's own ``recv`` tries first, in vain where data comes piece by piece, and makes a timer for each wait. Here
    one timer looks now and then whether anything has come since the last time, so a limit may be exceeded by a
    quarter.
    """

    def __init__(self, sock: Any, seconds: float, until: float = _NEVER) -> None:
        self._sock = sock
        self._raw = _plain(sock)
        self._timer: Any = None
        self._seconds = 0.0
        self.limit(seconds, until)
        if self._raw is None:
            return
        self._hub = hub()
        self._readable = self._hub.loop.io(self._raw.fileno(), _READ)
        self._waiter: Any = None
        self._take: Callable[[bytes], bool] | None = None
        self._size = 0
        self._looks = 0

    def limit(self, seconds: float, until: float = _NEVER) -> None:
        """Sets new limits."""
        self._until = until
        if self._raw is None:
            self._sock.settimeout(finite(seconds))
            return
        if self._timer is not None:
            if seconds == self._seconds:
                return
            self._timer.close()
        self._seconds = seconds
        self._timer = hub().loop.timer(seconds / 4, seconds / 4)
        self._timer.start(self._look)

    def recv(self, size: int, take: Callable[[bytes], bool] | None = None) -> bytes:
        """Up to ``size`` bytes, none at the end. Raises TimeoutError, OSError, and what ``take`` raises.

        ``take`` gets what comes and returns whether that is all there is to do about it; only if it is not, these
        bytes are the result. Under gevent the loop itself calls it, which saves a switch to the caller's greenlet
        and back, so it must not wait.
        """
        if self._raw is None:
            return self._recv_blocking(size, take)
        self._size, self._take, self._looks = size, take, 0
        self._waiter = waiter = Waiter(self._hub)
        self._readable.start(self._read)
        try:
            received: bytes | None = waiter.get()
        finally:
            self._waiter = self._take = None
            self._readable.stop()
        if received is None:
            raise TimeoutError
        return received

    def _recv_blocking(self, size: int, take: Callable[[bytes], bool] | None) -> bytes:
        while time.monotonic() < self._until:
            data: bytes = self._sock.recv(size)
            if not data or take is None or not take(data):
                return data
        raise TimeoutError

    def _read(self) -> None:
        """Called by the loop when there is something to read."""
        self._looks = 0
        try:
            data = self._raw.recv(self._size)
            if self._take is not None and data and self._take(data):
                return
        except BlockingIOError:
            return
        except Exception as exc:
            self._waiter.throw(exc)
            return
        self._waiter.switch(data)

    def _look(self) -> None:
        self._looks += 1
        if self._waiter is not None and (self._looks > 4 or time.monotonic() > self._until):
            self._waiter.switch(None)

    def close(self) -> None:
        """Frees what watches the socket; the socket itself stays open."""
        if self._raw is not None:
            self._timer.close()
            self._readable.close()


def send_all(sock: Any, data: bytes) -> None:
    """What ``sock.sendall`` does; without a wait where the kernel takes all at once. Raises TimeoutError, OSError."""
    raw = _plain(sock)
    if raw is not None:
        try:
            data = data[raw.send(data) :]
        except BlockingIOError:
            pass
    if data:
        sock.sendall(data)


class Outcome(Generic[T]):
    """A result that a native thread sets and a task of this process waits for."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._error: BaseException | None = None
        self._lock = native_lock()
        self._green = patched()
        self._ready: Any = gevent.event.Event() if self._green else threading.Event()
        self._watcher: Any = None
        if self._green:
            # libev may only be touched from its own thread, but for this: an async watcher made beforehand.
            self._watcher = hub().loop.async_()
            self._watcher.start(self._ready.set)

    def set(self, value: T | None, error: BaseException | None = None) -> None:
        """From any thread."""
        self._value, self._error = value, error
        with self._lock:
            if self._watcher is not None:
                self._watcher.send()
        if not self._green:
            self._ready.set()

    def wait(self, timeout: float | None = None) -> T:
        """The value; raises the error, or TimeoutError after ``timeout`` seconds. Call it once."""
        try:
            if not self._ready.wait(finite(timeout)):
                raise TimeoutError
        finally:
            self._close()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def _close(self) -> None:
        with self._lock:
            watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()


def start_native_thread(function: Callable[[], object]) -> None:
    """Runs ``function`` in a real thread that no exit waits for, patched or not.

    gevent's own thread pool is joined at exit, which would hold a worker up until it is killed.
    """
    monkey.get_original("_thread", "start_new_thread")(function, ())


def native_lock() -> Any:
    """A lock between real threads, patched or not. Hold it for a few instructions only: it blocks the hub."""
    return monkey.get_original("_thread", "allocate_lock")()


def offload(function: Callable[..., T], *args: object) -> T:
    """Calls a function that blocks in C where it does not hold up the hub."""
    if not patched():
        return function(*args)
    value, error = _threads().apply(_attempt, (function, args))
    if error is not None:
        raise error
    return value  # type: ignore[no-any-return]


def _threads() -> Any:
    """Threads for this alone: gevent's own pool looks names up, too, and ten of them may hang for half a minute."""
    current, process = hub(), os.getpid()
    if getattr(current, "offload_process", 0) != process:  # a forked process has none of its parent's threads
        current.offload_threads, current.offload_process = ThreadPool(_OFFLOAD_THREADS, hub=current), process
    return current.offload_threads


def _attempt(function: Callable[..., T], args: tuple[Any, ...]) -> tuple[T | None, Exception | None]:
    """The result and the error: the pool would print an error that is raised in it."""
    try:
        return function(*args), None
    except Exception as exc:
        return None, exc


class ClientWatch:
    """Calls back once when the client of a WSGI request has gone. Close it before the response ends.

    A client that sends more (a pipelined request) is no longer watched. Where the server shows no socket, or
    a TLS one, nothing is watched: the next write finds out.
    """

    def __init__(self, environ: Mapping[str, Any], gone: Callable[[], object]) -> None:
        self._raw = _plain(environ.get("gunicorn.socket"))
        self._gone = gone
        self._watcher: Any = None
        if self._raw is not None:
            self._watcher = hub().loop.io(self._raw.fileno(), _READ)
            self._watcher.start(self._readable)

    def _readable(self) -> None:
        try:
            gone = not self._raw.recv(1, _MSG_PEEK_NOWAIT)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        self.close()
        if gone:
            self._gone()

    def close(self) -> None:
        """Stops watching; harmless when repeated."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None


def every(seconds: float, function: Callable[[], object]) -> None:
    """Calls a function again and again, for as long as the process lives. It must not wait. Does nothing in threads."""
    if patched():
        timer = hub().loop.timer(seconds, seconds, ref=False)
        timer.start(function)
        _timers.append(timer)


_timers: list[Any] = []


class ClientSocket:
    """The socket that a server answers on, for writes beside the server's own. See :func:`client_socket`."""

    __slots__ = ("_sock", "send")

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.send: Callable[[bytes], int] = sock._sock.send
        """Sends what the kernel takes at once and returns how much. Raises BlockingIOError if that is nothing."""

    def send_all(self, data: bytes) -> None:
        """Sends everything, and waits for it. Raises OSError."""
        self._sock.sendall(data)

    def unsent(self) -> int:
        """Bytes that the kernel still keeps because the client has not taken them; 0 where it does not say."""
        try:
            return int.from_bytes(fcntl.ioctl(self._sock._sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        except OSError:
            return 0

    def shut_down(self) -> None:
        """Ends the connection; whoever waits for it gets an error."""
        with contextlib.suppress(OSError):
            self._sock._sock.shutdown(_BOTH_WAYS)


def client_socket(environ: Mapping[str, Any]) -> ClientSocket | None:
    """The client's socket under gunicorn's gevent worker; None elsewhere, and where the socket is a TLS one."""
    sock = environ.get("gunicorn.socket")
    return ClientSocket(sock) if _plain(sock) is not None else None


def sleep(seconds: float) -> None:
    """Waits without holding up other tasks."""
    time.sleep(seconds)


def native(module: str, name: str) -> Any:
    """The standard library's own ``module.name``, patched or not. Raises AttributeError if it has none."""
    return monkey.get_original(module, name)


class _Overdue(Exception):
    """Raised under a :class:`Deadline`. An Exception, so that whoever reads there knows that reading failed."""


class Deadline:
    """Raises TimeoutError out of its block after so many seconds. Does nothing in threads, which nothing interrupts."""

    __slots__ = ("_overdue", "_seconds", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._overdue = _Overdue()
        self._timer: Any = None

    def __enter__(self) -> None:
        if patched():  # what gevent.Timeout does, for a third of the cost
            self._timer = hub().loop.timer(min(self._seconds, threading.TIMEOUT_MAX))
            self._timer.start(gevent.getcurrent().throw, self._overdue)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if self._timer is not None:
            self._timer.close()
        if error is self._overdue:
            raise TimeoutError from None
