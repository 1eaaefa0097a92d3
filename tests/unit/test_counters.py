"""The contract of counters, held by each kind."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.allowance import Allowance
from flask_agent_api.quotas import memory
from flask_agent_api.quotas import redis
from flask_agent_api.quotas.base import Counters
from flask_agent_api.quotas.base import Standing
from flask_agent_api.quotas.counters import open_counters
from flask_agent_api.quotas.memory import MemoryCounters
from flask_agent_api.quotas.redis import RedisCounters
from tests.ports import free_port
from tests.redis_server import RedisServer
from tests.waiting import wait_until

prefixes = (f"counters-{number}:" for number in itertools.count())
tickets = (f"ticket-{number}" for number in itertools.count())


@pytest.fixture
def workers(redis_server: RedisServer) -> Iterator[tuple[RedisCounters, RedisCounters]]:
    """Those of two processes that share a Redis."""
    url = f"{redis_server.url}?prefix={next(prefixes)}"
    workers = RedisCounters(url), RedisCounters(url)
    yield workers
    for each in workers:
        each.close()


@pytest.fixture(params=["memory", "redis"])
def counters(request: pytest.FixtureRequest) -> Counters:
    if request.param == "memory":
        return MemoryCounters()
    counters: Counters = request.getfixturevalue("workers")[0]
    return counters


def ask(counters: Counters, caller: str = "ada", ticket: str = "", **limits: int) -> Standing:
    return counters.admit(caller, Allowance(**limits), ticket or next(tickets))


def test_so_many_requests_in_a_minute_and_no_more(counters: Counters) -> None:
    found = [ask(counters, requests_per_minute=3) for _ in range(5)]
    assert [standing.refused for standing in found] == ["", "", "", "requests", "requests"]
    assert [standing.requests for standing in found] == [1, 2, 3, 3, 3]
    assert 59 < found[0].requests_reset <= 60
    assert 58 < found[3].wait <= 60
    assert ask(counters, "bob", requests_per_minute=3).requests == 1
    assert ask(counters, requests_per_minute=4).refused == ""


def test_limit_that_was_lowered_holds_at_once(counters: Counters) -> None:
    for _ in range(5):
        ask(counters, requests_per_minute=9)
    assert ask(counters, requests_per_minute=2).refused == "requests"


def test_so_many_streams_at_a_time_until_one_leaves(counters: Counters) -> None:
    assert [ask(counters, ticket=ticket, streams=2).streams for ticket in "ab"] == [1, 2]
    refused = ask(counters, streams=2)
    assert (refused.refused, refused.wait) == ("streams", 1.0)
    counters.leave("ada", "a")
    counters.leave("ada", "a")
    assert ask(counters, ticket="c", streams=2).refused == ""
    assert ask(counters, streams=2).refused == "streams"


def test_what_is_refused_is_not_counted(counters: Counters) -> None:
    ask(counters, ticket="a", streams=1, requests_per_minute=2)
    for _ in range(5):
        assert ask(counters, streams=1, requests_per_minute=2).refused == "streams"
    counters.leave("ada", "a")
    assert ask(counters, streams=1, requests_per_minute=2).requests == 2


def test_tokens_of_a_day(counters: Counters) -> None:
    assert ask(counters, tokens_per_day=100).tokens == 0
    counters.spend("ada", 60)
    counters.spend("ada", 39)
    assert ask(counters, tokens_per_day=100).refused == ""
    counters.spend("ada", 21)
    standing = ask(counters, tokens_per_day=100, requests_per_minute=1)
    assert (standing.refused, standing.tokens) == ("tokens", 120)
    assert standing.wait == pytest.approx(standing.tokens_reset, abs=1.0)
    assert 0 < standing.wait <= 86_400
    assert ask(counters, "bob", tokens_per_day=100).refused == ""


def test_many_at_once_are_counted_exactly(counters: Counters) -> None:
    found: list[Standing] = []
    tasks = [
        threading.Thread(target=lambda: found.extend(ask(counters, requests_per_minute=20) for _ in range(10)))
        for _ in range(8)
    ]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    assert sorted(standing.requests for standing in found if not standing.refused) == list(range(1, 21))


def test_minute_and_day_go_by() -> None:
    now, today = [0.0], [86_399.0]
    counters = MemoryCounters(lambda: now[0], lambda: today[0])
    assert [ask(counters, requests_per_minute=1).refused for _ in range(2)] == ["", "requests"]
    counters.spend("ada", 10)
    assert ask(counters, tokens_per_day=10).tokens_reset == 1.0
    now[0], today[0] = 59.9, 86_399.9
    assert ask(counters, requests_per_minute=1).wait == pytest.approx(0.1)
    now[0], today[0] = 60.0, 86_400.0
    assert ask(counters, requests_per_minute=1, tokens_per_day=10).refused == ""


def test_callers_who_use_nothing_any_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_CALLERS", 10)
    now = [0.0]
    counters = MemoryCounters(lambda: now[0])
    ask(counters, "stays", ticket="a", streams=1)
    for number in range(9):
        ask(counters, f"caller{number}", requests_per_minute=1)
    now[0] = 61.0
    ask(counters, "another", requests_per_minute=1)
    assert set(counters._callers) == {"stays", "another"}
    assert ask(counters, "stays", streams=1).refused == "streams"


def test_streams_of_a_worker_that_died_are_given_back_and_others_are_kept(
    workers: tuple[RedisCounters, RedisCounters], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(redis, "RENEW_SECONDS", 0.1)
    alive, dead = workers
    monkeypatch.setattr(dead._renewal, "begin", lambda: None)
    ask(alive, ticket="a", streams=2)
    ask(dead, ticket="b", streams=2)
    assert ask(alive, ticket="c", streams=2).refused == "streams"
    wait_until(lambda: ask(dead, ticket="c", streams=2).refused == "")
    assert ask(alive, streams=2).refused == "streams", "the lease of `a` is renewed"
    alive.leave("ada", "a")


def test_question_that_is_sent_twice_counts_once(workers: tuple[RedisCounters, RedisCounters]) -> None:
    counters, _ = workers
    limits = {"requests_per_minute": 1, "streams": 1}
    assert [ask(counters, ticket="same", **limits).requests for _ in range(3)] == [1, 1, 1]
    assert ask(counters, **limits).refused == "requests"


def test_without_redis_each_process_counts_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    counters = RedisCounters(f"redis://127.0.0.1:{free_port()}/0")
    assert [ask(counters, requests_per_minute=2).refused for _ in range(3)] == ["", "", "requests"]
    counters.spend("bob", 10)
    assert ask(counters, "bob", tokens_per_day=10).refused == "tokens"
    assert ask(counters, "eve", ticket="a", streams=1).refused == ""
    counters.leave("eve", "a")
    assert ask(counters, "eve", streams=1).refused == ""
    assert [record.message for record in caplog.records if "limits are counted by each worker" in record.message]


@pytest.mark.parametrize(
    ("store", "kind"),
    [
        ("", MemoryCounters),
        ("memory://", MemoryCounters),
        ("sqlite:///x", MemoryCounters),
        ("redis://x", RedisCounters),
    ],
)
def test_counters_go_with_the_store(store: str, kind: Callable[[], Counters]) -> None:
    assert type(open_counters(store)) is kind
