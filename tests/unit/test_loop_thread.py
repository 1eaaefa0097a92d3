"""The asyncio loop that greenlets and threads share."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from collections.abc import Iterator

import pytest

from flask_agent_api import loop_thread
from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import native
from flask_agent_api.concurrency import spawn
from tests.waiting import wait_until

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.fixture(autouse=True)
def own_loop() -> Iterator[None]:
    yield
    loop_thread.stop(2)


async def nap(seconds: float, result: int = 0) -> int:
    await asyncio.sleep(seconds)
    return result


class Sleeper:
    """A coroutine that waits for ever and notes its cancellation."""

    def __init__(self) -> None:
        self.started = False
        self.cancelled = False

    async def run(self) -> None:
        self.started = True
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def test_run_gives_the_result_and_the_error() -> None:
    async def fail() -> None:
        raise ValueError("wrong")

    assert loop_thread.run(nap(0, 7)) == 7
    with pytest.raises(ValueError, match="wrong"):
        loop_thread.run(fail())


def test_run_of_many_tasks_shares_one_loop_and_leaves_the_hub_free() -> None:
    loops: set[int] = set()

    async def work() -> None:
        loops.add(id(asyncio.get_running_loop()))
        await asyncio.sleep(0.1)

    started = time.monotonic()
    tasks = [spawn(loop_thread.run, work()) for _ in range(50)]
    assert all(task.join(5) for task in tasks)
    assert len(loops) == 1
    assert time.monotonic() - started < 1


def test_run_that_times_out_cancels_the_coroutine() -> None:
    sleeper = Sleeper()
    with pytest.raises(TimeoutError):
        loop_thread.run(sleeper.run(), 0.05)
    wait_until(lambda: sleeper.cancelled)


def test_run_in_a_cancelled_task_cancels_the_coroutine() -> None:
    sleeper = Sleeper()
    task = spawn(loop_thread.run, sleeper.run())
    wait_until(lambda: sleeper.started)
    task.cancel(Cancelled("client gone"))
    assert task.join(1)
    wait_until(lambda: sleeper.cancelled)


def test_run_sees_the_context_variables_of_its_caller() -> None:
    async def read() -> str:
        return VARIABLE.get()

    token = VARIABLE.set("mine")
    try:
        assert loop_thread.run(read()) == "mine"
    finally:
        VARIABLE.reset(token)
    assert loop_thread.run(read()) == "unset"


def test_run_survives_a_coroutine_that_exits() -> None:
    async def leave() -> None:
        sys.exit(3)

    with pytest.raises(RuntimeError, match="SystemExit"):
        loop_thread.run(leave())
    assert loop_thread.run(nap(0, 1)) == 1


def test_run_on_the_loop_itself_is_refused() -> None:
    async def wrong() -> None:
        loop_thread.run(nap(0))

    with pytest.raises(RuntimeError, match="wait for itself"):
        loop_thread.run(wrong(), 5)


def test_submit_logs_failures(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("nobody waits")

    with caplog.at_level(logging.ERROR, "flask_agent_api"):
        loop_thread.submit(fail())
        wait_until(lambda: caplog.records)
    assert "nobody waits" in caplog.text


def test_submit_can_be_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    sleeper = Sleeper()
    job = loop_thread.submit(sleeper.run())
    wait_until(lambda: sleeper.started)
    job.cancel()
    wait_until(lambda: sleeper.cancelled)
    assert not caplog.records


class Source:
    """An async generator that notes how far it got and whether it was closed."""

    def __init__(self, count: int, pause: float = 0) -> None:
        self.given = 0
        self.closed = False
        self._count = count
        self._pause = pause

    async def items(self) -> AsyncIterator[int]:
        try:
            for number in range(self._count):
                self.given = number + 1
                yield number
                await asyncio.sleep(self._pause)
        finally:
            self.closed = True


def test_iterate_gives_all_items_in_order() -> None:
    assert list(loop_thread.iterate(Source(1000).items())) == list(range(1000))


def test_iterate_gives_an_item_as_soon_as_it_is_there() -> None:
    source = Source(2, pause=60)
    items = loop_thread.iterate(source.items())
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    wait_until(lambda: source.closed)


def test_iterate_raises_after_the_items_before_the_error() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise LookupError("gone")

    items = loop_thread.iterate(broken())
    assert next(items) == 1
    with pytest.raises(LookupError, match="gone"):
        next(items)


def test_iterate_does_not_run_ahead_of_a_slow_reader() -> None:
    source = Source(10_000)
    items = loop_thread.iterate(source.items())
    assert next(items) == 0
    loop_thread.run(nap(0.05))
    assert source.given < 100
    items.close()  # type: ignore[attr-defined]
    wait_until(lambda: source.closed)


def test_iterate_in_a_cancelled_task_closes_the_source() -> None:
    source = Source(2, pause=60)
    task = spawn(lambda: list(loop_thread.iterate(source.items())))
    wait_until(lambda: source.given)
    task.cancel(Cancelled("client gone"))
    assert task.join(1)
    wait_until(lambda: source.closed)


def test_names_and_blocking_functions_run_in_real_threads() -> None:
    async def work() -> tuple[object, int]:
        addresses = await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        return addresses, await asyncio.to_thread(native("_thread", "get_ident"))

    addresses, thread = loop_thread.run(work(), 5)
    assert addresses
    assert thread != native("_thread", "get_ident")()


def test_blocking_functions_reuse_their_threads() -> None:
    seen: set[int] = set()

    async def work() -> None:
        for _ in range(50):
            await asyncio.to_thread(lambda: (time.sleep(0), seen.add(native("_thread", "get_ident")())))

    loop_thread.run(work(), 5)
    assert len(seen) == 1


def test_stop_lets_tasks_clean_up_and_a_later_use_starts_anew() -> None:
    done = threading.Event()
    started = threading.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            done.set()

    loop_thread.submit(work())
    wait_until(started.is_set)
    loop_thread.stop(2)
    assert done.is_set()
    assert loop_thread.run(nap(0, 5)) == 5


def test_stop_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue

    loop_thread.submit(stubborn())
    loop_thread.run(nap(0.02))
    started = time.monotonic()
    loop_thread.stop(0.1)
    assert time.monotonic() - started < 1
    assert "did not end" in caplog.text
    release.set()


IDLE = """
import sys, time
if sys.argv[1] == "patched":
    from flask_agent_api.concurrency import patch_all
    patch_all()
from flask_agent_api import loop_thread
from flask_agent_api.concurrency import patched
from tests.waiting import wait_until
import asyncio, logging, selectors, threading
logging.getLogger("asyncio").setLevel(logging.ERROR)  # a busy machine is slow, and a loop in dev mode says so
assert patched() == (sys.argv[1] == "patched")

async def inspect():
    return type(asyncio.get_running_loop()._selector).__name__, threading.active_count()

async def for_ever():
    try:
        await asyncio.sleep(60)
    finally:
        print("cleaned up", flush=True)

print(loop_thread.run(inspect())[0])
loop_thread.submit(for_ever())
before = time.process_time()
time.sleep(0.5)
assert time.process_time() - before < 0.05, "the idle loop uses the processor"
"""


@pytest.mark.parametrize("mode", ["patched", pytest.param("plain", marks=pytest.mark.slow)])
def test_a_process_idles_without_work_and_exits_at_once(mode: str) -> None:
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-X", "dev", "-c", IDLE, mode], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert "Gevent" not in done.stdout
    assert done.stdout.splitlines()[-1] == "cleaned up"
    assert done.stderr == ""
    assert time.monotonic() - started < 5
