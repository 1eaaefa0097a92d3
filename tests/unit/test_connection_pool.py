from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from flask_agent_api import reused_greenlets
from flask_agent_api.connection_pool import ConnectionPool
from tests.waiting import wait_until

USER: contextvars.ContextVar[str] = contextvars.ContextVar("USER", default="nobody")


@pytest.fixture(autouse=True)
def no_idle_greenlets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Those of other tests are left alone, and those of this one end with it."""
    idle: list[reused_greenlets.Host] = []
    monkeypatch.setattr(reused_greenlets, "_idle", idle)
    yield
    for host in idle:
        host.greenlet.kill()


def served(pool: ConnectionPool, function: Callable[[], object]) -> Any:
    """What the function returned for one connection."""
    answers: list[Any] = []
    pool.spawn(lambda: answers.append(function()))
    assert pool.join(5)
    return answers[0]


def test_a_connection_is_served_in_the_greenlet_of_one_that_has_ended() -> None:
    pool, kept = ConnectionPool(2), threading.local()

    def serve() -> int:
        kept.count = getattr(kept, "count", 0) + 1
        return int(kept.count)

    assert [served(pool, serve) for _ in range(3)] == [1, 2, 3]


def test_connections_at_a_time_have_greenlets_of_their_own() -> None:
    pool, go, idents = ConnectionPool(5), threading.Event(), set()

    def serve() -> None:
        idents.add(threading.get_ident())
        go.wait()

    for _ in range(5):
        pool.spawn(serve)
    wait_until(lambda: len(idents) == 5)
    go.set()
    assert pool.join(5)


def test_the_arguments_reach_the_function() -> None:
    pool = ConnectionPool(1)
    got: list[object] = []
    pool.spawn(lambda *args: got.extend(args), "socket", "address")
    assert pool.join(5)
    assert got == ["socket", "address"]


def test_context_variables_of_a_connection_do_not_reach_the_next() -> None:
    pool = ConnectionPool(1)
    served(pool, lambda: USER.set("Ann"))
    assert served(pool, USER.get) == "nobody"


def test_it_is_full_for_as_long_as_its_connections_last() -> None:
    pool, go = ConnectionPool(2), threading.Event()
    started = [pool.spawn(go.wait), pool.spawn(go.wait)]
    assert (pool.full(), pool.free_count(), len(pool)) == (True, 0, 2)
    assert all(greenlet in pool for greenlet in started)
    go.set()
    assert pool.join(5)
    assert (pool.full(), pool.free_count(), len(pool)) == (False, 2, 0)


def test_a_server_that_waits_for_room_is_told_when_there_is_some() -> None:
    """gevent's servers stop to accept and wait for the pool's semaphore."""
    pool, go = ConnectionPool(1), threading.Event()
    pool.spawn(go.wait)
    told: list[object] = []
    pool._semaphore.rawlink(told.append)
    assert not pool.wait_available(0.01)
    assert told == []
    go.set()
    wait_until(lambda: told != [])


def test_a_kill_ends_those_that_serve_and_their_cleanup_is_done() -> None:
    """As gunicorn does at its graceful time-out: gevent waits until they are dead."""
    pool, log = ConnectionPool(3), []

    def serve() -> None:
        try:
            threading.Event().wait()
        finally:
            log.append("closed")

    greenlets = [pool.spawn(serve) for _ in range(3)]
    assert not pool.join(0.01)
    began = time.monotonic()
    pool.kill(timeout=5)
    assert time.monotonic() - began < 4
    assert log == ["closed"] * 3
    assert all(greenlet.dead for greenlet in greenlets)
    assert reused_greenlets.idle() == 0


def test_one_that_answers_its_kill_itself_is_dead_too() -> None:
    """gunicorn catches all that is raised while a connection is served."""
    pool = ConnectionPool(1)

    def serve() -> None:
        try:
            threading.Event().wait()
        except BaseException:
            return

    greenlet = pool.spawn(serve)
    assert not pool.join(0.01)
    pool.kill(timeout=5)
    assert greenlet.dead
    assert len(pool) == 0


def test_one_that_fails_makes_room(capfd: pytest.CaptureFixture[str]) -> None:
    pool = ConnectionPool(1)
    pool.spawn(lambda: SimpleNamespace().lacks)
    assert pool.join(5)
    assert pool.free_count() == 1
    assert served(pool, lambda: "served") == "served"
    assert "AttributeError" in capfd.readouterr().err
