from __future__ import annotations

import threading
import time

import pytest

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import native_lock
from flask_agent_api.concurrency import patched
from flask_agent_api.concurrency import spawn
from flask_agent_api.native_thread import NativeThread
from tests.waiting import wait_until


def test_calls_are_done_in_their_order_in_one_real_thread_and_leave_the_hub_free() -> None:
    thread, lock, done = NativeThread(), native_lock(), list[object]()
    lock.acquire()
    first = spawn(lambda: done.append(thread.call(lock.acquire, True, 5)))
    second = spawn(lambda: done.append(thread.call(str, 2)))
    time.sleep(0.01)
    assert (patched(), done) == (True, [])
    lock.release()
    assert first.join(5)
    assert second.join(5)
    assert done == [True, "2"]
    thread.close()


def test_a_call_raises_what_its_function_raised() -> None:
    thread = NativeThread()
    with pytest.raises(ZeroDivisionError):
        thread.call(divmod, 1, 0)
    assert thread.call(divmod, 7, 2) == (3, 1)
    thread.close()


def test_a_caller_that_is_cancelled_does_not_take_its_call_back() -> None:
    thread, lock, done = NativeThread(), native_lock(), list[str]()
    lock.acquire()
    blocker = spawn(thread.call, lock.acquire, True, 5)
    ended = threading.Event()

    def call() -> None:
        try:
            thread.call(done.append, "done")
        finally:
            ended.set()

    task = spawn(call)
    time.sleep(0.01)
    task.cancel(Cancelled())
    assert ended.wait(5)
    assert done == []
    lock.release()
    assert blocker.join(5)
    wait_until(lambda: done == ["done"])
    thread.close()


def test_a_thread_that_was_closed_may_be_used_again() -> None:
    thread = NativeThread()
    thread.close()
    names = []
    for _ in range(2):
        names.append(thread.call(_thread_id))
        thread.close()
    assert all(isinstance(name, int) for name in names)


def _thread_id() -> int:
    return threading.get_native_id()
