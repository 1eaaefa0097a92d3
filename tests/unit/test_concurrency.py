from __future__ import annotations

import contextvars
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import ClientWatch
from flask_agent_api.concurrency import native
from flask_agent_api.concurrency import native_lock
from flask_agent_api.concurrency import offload
from flask_agent_api.concurrency import Outcome
from flask_agent_api.concurrency import patched
from flask_agent_api.concurrency import spawn
from flask_agent_api.concurrency import start_native_thread
from flask_agent_api.concurrency import Task
from flask_agent_api.per_process import PerProcess
from flask_agent_api.reused_greenlets import spawn_reused
from flask_agent_api.slot import Closed
from flask_agent_api.slot import Slot
from tests.waiting import wait_until

NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME", default="none")

Spawn = Callable[..., Task]
KINDS = pytest.mark.parametrize("start", [spawn, spawn_reused])


class Waiter:
    """A task that waits, writes down what happens to it, and takes its time to clean up."""

    def __init__(self) -> None:
        self.log: list[object] = []
        self.begun = threading.Event()
        self.go = threading.Event()
        self.clean = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        try:
            self.go.wait()
        except Cancelled as exc:
            self.log.append(exc)
            raise
        finally:
            self.clean.wait()
            self.log.append("clean")


def test_tests_run_under_gevent() -> None:
    assert patched()


@KINDS
def test_spawn_passes_arguments_and_a_copy_of_the_context_variables(start: Spawn) -> None:
    seen: list[object] = []

    def work(*args: object) -> None:
        seen.extend([args, NAME.get()])
        NAME.set("inner")

    token = NAME.set("outer")
    task = start(work, 1, 2)
    NAME.set("later")
    assert task.join(5)
    assert seen == [(1, 2), "outer"]
    assert NAME.get() == "later"
    NAME.reset(token)


@KINDS
def test_join_says_whether_the_task_has_ended(start: Spawn) -> None:
    waiter = Waiter()
    waiter.clean.set()
    task = start(waiter)
    assert not task.join(0.01)
    assert not task.join(0)
    waiter.go.set()
    assert task.join(float("inf"))
    assert task.join(None)


@KINDS
def test_cancel_raises_the_reason_once_and_the_cleanup_goes_on(start: Spawn) -> None:
    waiter, reason = Waiter(), Cancelled("why")
    task = start(waiter)
    assert waiter.begun.wait(5)
    assert task.cancel(reason)
    assert waiter.log == []  # cancel() does not wait
    wait_until(lambda: waiter.log)
    for _ in range(2):
        task.cancel(Cancelled("again"))
        assert not task.join(0.01)
    waiter.clean.set()
    assert task.join(5)
    assert waiter.log == [reason, "clean"]


@KINDS
def test_cancel_reaches_a_task_that_has_not_begun_in_its_first_step(start: Spawn) -> None:
    waiter = Waiter()
    waiter.clean.set()
    task = start(waiter)
    task.cancel(Cancelled("early"))
    assert task.join(5)
    assert [str(each) for each in waiter.log] == ["early", "clean"]


@KINDS
def test_cancel_of_an_ended_task_changes_nothing(start: Spawn) -> None:
    log: list[str] = []
    task = start(log.append, "ran")
    assert task.join(5)
    assert task.cancel(Cancelled())
    assert task.join(0)
    time.sleep(0)
    assert log == ["ran"]


@KINDS
def test_cancel_leaves_a_shielded_task_alone_even_when_it_came_first(start: Spawn) -> None:
    waiter = Waiter()
    waiter.go.set()
    task = start(waiter)
    assert waiter.begun.wait(5)
    task.cancel(Cancelled("delivered when the hub runs"))
    task.shield()
    assert not task.join(0.01)
    waiter.clean.set()
    assert task.join(5)
    assert waiter.log == ["clean"]


def test_slot_gives_items_in_order_then_the_last_then_closed() -> None:
    slot: Slot[str] = Slot(4)
    slot.put("a")
    slot.put("b")
    assert slot.close("last")
    assert [slot.get(5), slot.get(5), slot.get(5)] == ["a", "b", "last"]
    for _ in range(2):
        with pytest.raises(Closed):
            slot.get(5)


def test_slot_is_closed_once() -> None:
    slot: Slot[str] = Slot(4)
    assert slot.close("first")
    assert not slot.close("second")
    assert slot.get(5) == "first"
    with pytest.raises(Closed):
        slot.get(5)


@pytest.mark.parametrize("timeout", [0, 0.01])
def test_slot_gives_none_when_nothing_comes_in_time(timeout: float) -> None:
    assert Slot[str](4).get(timeout) is None


def test_slot_holds_a_writer_up_when_it_is_full() -> None:
    slot: Slot[int] = Slot(2)
    written: list[int] = []

    def write() -> None:
        for number in range(5):
            slot.put(number)
            written.append(number)
        slot.close(-1)

    task = spawn(write)
    assert not task.join(0.02)
    assert written == [0, 1]
    assert [slot.get(5) for _ in range(6)] == [0, 1, 2, 3, 4, -1]
    assert task.join(5)


def test_closing_wakes_a_waiting_reader() -> None:
    slot: Slot[str] = Slot(1)
    got: list[object] = []
    task = spawn(lambda: got.append(slot.get(60)))
    assert not task.join(0.01)
    slot.close("last")
    assert task.join(5)
    assert got == ["last"]


def test_closed_slot_takes_nothing_more() -> None:
    slot: Slot[str] = Slot(1)
    slot.close("last")
    with pytest.raises(Closed):
        slot.put("late")
    assert slot.get(5) == "last"


def test_nothing_comes_after_the_last_although_a_writer_was_waiting() -> None:
    slot: Slot[str] = Slot(1)
    slot.put("a")
    task = spawn(slot.put, "waits for space")
    assert not task.join(0.01)
    slot.close("last")
    got = list(iter(lambda: slot.get(5), "last"))
    assert task.join(5)
    assert got[0] == "a"
    with pytest.raises(Closed):
        slot.get(5)


def test_outcome_made_before_the_hub_ever_ran_is_delivered() -> None:
    script = """
from flask_agent_api.concurrency import Outcome, patch_all, start_native_thread
patch_all()
outcome = Outcome()
start_native_thread(lambda: outcome.set("value"))
assert outcome.wait(5) == "value"
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


def test_outcome_brings_a_value_from_a_native_thread() -> None:
    outcomes: list[Outcome[int]] = [Outcome() for _ in range(20)]
    start_native_thread(lambda: [outcome.set(number) for number, outcome in enumerate(outcomes)])
    assert [outcome.wait(5) for outcome in outcomes] == list(range(20))


def test_outcome_raises_the_error_that_was_set() -> None:
    outcome: Outcome[int] = Outcome()
    start_native_thread(lambda: outcome.set(None, LookupError("there")))
    with pytest.raises(LookupError, match="there"):
        outcome.wait(float("inf"))


def test_outcome_times_out_and_a_late_value_does_no_harm() -> None:
    outcome: Outcome[int] = Outcome()
    with pytest.raises(TimeoutError):
        outcome.wait(0.01)
    outcome.set(1)


def test_waiting_for_an_outcome_can_be_cancelled() -> None:
    outcome: Outcome[int] = Outcome()
    task = spawn(outcome.wait, 60)
    assert not task.join(0.01)
    task.cancel(Cancelled())
    assert task.join(5)
    outcome.set(1)


def test_offload_leaves_the_hub_free() -> None:
    lock = native_lock()
    lock.acquire()
    spawn(lock.release)
    assert offload(lock.acquire, True, 5)


def test_offload_does_not_wait_for_names_that_are_looked_up_in_vain() -> None:
    """gevent's resolver has ten threads; what stores and files need has others."""
    answer = native_lock()
    answer.acquire()

    def look_up() -> None:
        answer.acquire()
        answer.release()

    resolver = gevent.get_hub().resolver.pool
    lookups = [resolver.spawn(look_up) for _ in range(resolver.maxsize)]
    try:
        with gevent.Timeout(5):
            assert offload(lambda: "done") == "done"
    finally:
        answer.release()
        for lookup in lookups:
            lookup.get(timeout=5)


def test_offload_raises_what_the_function_raised_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise LookupError("there")

    with pytest.raises(LookupError, match="there"):
        offload(fail)
    assert capfd.readouterr().err == ""


def test_per_process_value_is_made_once_however_many_ask_at_once() -> None:
    made: list[object] = []

    def make() -> object:
        time.sleep(0.01)
        made.append(object())
        return made[-1]

    value: PerProcess[object] = PerProcess(make)
    assert value.peek() is None
    got: list[object] = []
    tasks = [spawn(lambda: got.append(value.get())) for _ in range(5)]
    assert all(task.join(5) for task in tasks)
    assert len(made) == 1
    assert got == made * 5
    assert value.peek() is made[0]


def test_per_process_value_is_made_again_after_a_failure() -> None:
    results: Iterator[Any] = iter([LookupError("first"), "second"])

    def make() -> str:
        if isinstance(result := next(results), Exception):
            raise result
        return str(result)

    value = PerProcess(make)
    with pytest.raises(LookupError):
        value.get()
    assert value.get() == "second"


def test_per_process_value_is_made_again_after_a_fork() -> None:
    value: PerProcess[int] = PerProcess(os.getpid)
    assert value.get() == os.getpid()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, f"{value.peek()} {value.get() == os.getpid()} {value.peek() == os.getpid()}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(reader, 100)
    os.close(reader)
    os.close(writer)
    assert said == b"None True True"
    assert value.get() == os.getpid()


class Watched:
    """A client and the watch on it, with a socket as gunicorn's gevent worker shows it."""

    def __init__(self) -> None:
        self.gone: list[str] = []
        listener = socket.create_server(("127.0.0.1", 0))
        self.client = socket.create_connection(listener.getsockname())
        self.server, _ = listener.accept()
        listener.close()
        raw: Any = self.server._sock  # type: ignore[attr-defined]
        self.watch = ClientWatch({"gunicorn.socket": SimpleNamespace(_sock=raw)}, lambda: self.gone.append("gone"))

    def close(self) -> None:
        self.watch.close()
        self.client.close()
        self.server.close()


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.close()


def _close(client: socket.socket) -> None:
    client.close()


def _reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("leave", [_close, _reset])
def test_client_watch_notices_a_client_that_leaves_once(
    watched: Watched, leave: Callable[[socket.socket], None]
) -> None:
    leave(watched.client)
    wait_until(lambda: watched.gone)
    time.sleep(0.01)
    assert watched.gone == ["gone"]


def test_client_watch_stops_at_a_pipelined_request_and_leaves_it_unread(watched: Watched) -> None:
    watched.client.sendall(b"GET")
    wait_until(lambda: watched.watch._watcher is None)
    watched.client.close()
    assert watched.server.recv(10) == b"GET"
    assert watched.server.recv(10) == b""
    assert watched.gone == []


def test_closed_client_watch_says_nothing(watched: Watched) -> None:
    watched.watch.close()
    watched.watch.close()
    watched.client.close()
    assert watched.server.recv(10) == b""
    assert watched.gone == []


@pytest.mark.parametrize(
    "environ",
    [{}, {"gunicorn.socket": object()}, {"gunicorn.socket": SimpleNamespace(_sock=None)}],
    ids=["other server", "plain socket", "no socket"],
)
def test_client_watch_without_a_socket_watches_nothing(environ: dict[str, Any]) -> None:
    ClientWatch(environ, lambda: None).close()


def test_client_watch_leaves_tls_sockets_alone() -> None:
    ours, theirs = socket.socketpair()
    tls = SimpleNamespace(_sock=ours._sock, cipher=lambda: None)  # type: ignore[attr-defined]
    gone: list[str] = []
    watch = ClientWatch({"gunicorn.socket": tls}, lambda: gone.append("gone"))
    theirs.close()
    assert ours.recv(1) == b""
    assert gone == []
    watch.close()
    ours.close()


def test_slot_loses_nothing_when_the_reader_times_out_as_it_is_closed() -> None:
    slot: Slot[str] = Slot(4)

    def writer() -> None:
        time.sleep(0.01)
        slot.put("item")
        slot.close("last")

    spawn(writer)
    spawn(lambda: native("time", "sleep")(0.05))  # holds the hub up, so that both timers are due in one turn
    assert [slot.get(0.02), slot.get(1)] == ["item", "last"]
