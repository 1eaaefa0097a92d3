from __future__ import annotations

import contextvars
import gc
import threading
import weakref

import pytest

from flask_agent_api import reused_greenlets
from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import Task
from flask_agent_api.reused_greenlets import spawn_reused
from tests.waiting import wait_until

NAME: contextvars.ContextVar[object] = contextvars.ContextVar("NAME", default=None)


def greenlet_of_a_task() -> int:
    idents: list[int] = []
    task = spawn_reused(lambda: idents.append(threading.get_ident()))
    assert task.join(5)
    return idents[0]


def test_a_task_gets_the_greenlet_of_one_that_has_ended() -> None:
    assert greenlet_of_a_task() == greenlet_of_a_task()


def test_tasks_at_a_time_have_greenlets_of_their_own() -> None:
    go, idents = threading.Event(), []

    def work() -> None:
        idents.append(threading.get_ident())
        go.wait()

    tasks = [spawn_reused(work) for _ in range(5)]
    wait_until(lambda: len(idents) == 5)
    go.set()
    assert all(task.join(5) for task in tasks)
    assert len(set(idents)) == 5


def test_a_cancel_that_comes_late_does_not_reach_the_next_task() -> None:
    log: list[str] = []
    go = threading.Event()
    greenlet_of_a_task()

    def first() -> None:
        first_task.cancel(Cancelled("delivered after the end"))

    def second() -> None:
        go.wait()
        log.append("second ran")

    first_task: Task = spawn_reused(first)
    assert first_task.join(5)
    task = spawn_reused(second)
    first_task.cancel(Cancelled("again"))
    assert not task.join(0.01)
    go.set()
    assert task.join(5)
    assert log == ["second ran"]


def test_a_cancelled_task_leaves_a_greenlet_that_works_on() -> None:
    before = greenlet_of_a_task()
    task = spawn_reused(threading.Event().wait)
    assert not task.join(0.01)
    task.cancel(Cancelled("enough"))
    assert task.join(5)
    assert greenlet_of_a_task() == before


def test_what_a_task_used_is_free_when_it_has_ended() -> None:
    class Thing:
        """What a task works with."""

    thing = Thing()
    gone = weakref.ref(thing)
    token = NAME.set(thing)
    task = spawn_reused(lambda thing: None, thing)
    NAME.reset(token)
    assert task.join(5)
    gc.disable()  # it is to be free at once, the task's context too
    try:
        del thing, task, token
        wait_until(lambda: gone() is None)
    finally:
        gc.enable()


def test_no_more_greenlets_than_some_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reused_greenlets, "MOST_IDLE", 3)
    monkeypatch.setattr(reused_greenlets, "_idle", [])
    go = threading.Event()
    tasks = [spawn_reused(go.wait) for _ in range(8)]
    go.set()
    assert all(task.join(5) for task in tasks)
    assert len(reused_greenlets._idle) == 3
