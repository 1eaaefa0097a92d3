"""The leases of a process: one run for each, renewed while it goes on."""

from __future__ import annotations

import pytest

from flask_agent_api.conversations import leases as module
from flask_agent_api.conversations.base import LeaseLost
from flask_agent_api.conversations.base import LeaseState
from flask_agent_api.conversations.base import LogBusy
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.base import StoreUnavailable
from flask_agent_api.conversations.base import Write
from flask_agent_api.conversations.leases import Leases
from flask_agent_api.conversations.memory import MemoryStore
from tests.waiting import wait_until

KEY = LogKey("conversation", "alice", "root", "c1")


def ignore(state: LeaseState) -> None:
    """What somebody else would be told."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.5)
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.05)


def test_two_runs_of_a_process_cannot_have_one_lease_either() -> None:
    leases = Leases(MemoryStore())
    leases.take(KEY, ignore)
    with pytest.raises(LogBusy):
        leases.take(KEY, ignore)
    leases.give_back(KEY)
    leases.take(KEY, ignore)
    leases.write(KEY, Write(0, 0, [b"one"], 60))
    assert leases.take(KEY, ignore).entries == [b"one"]
    leases.give_back(KEY)
    leases.give_back(KEY)
    assert len(leases) == 0


def test_a_lease_is_renewed_until_it_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    here, there = Leases(store), Leases(store)
    renewed = []
    renew = store.renew
    monkeypatch.setattr(store, "renew", lambda *args: renewed.append(args) or renew(*args))
    here.take(KEY, ignore)
    wait_until(lambda: len(renewed) > 15)  # half as long again as the lease would have lasted
    with pytest.raises(LogBusy):
        there.take(KEY, ignore)
    here.give_back(KEY)
    there.take(KEY, ignore)
    there.give_back(KEY)


def test_who_is_not_wanted_or_has_lost_its_lease_is_told() -> None:
    store = MemoryStore()
    leases = Leases(store)
    told: list[LeaseState] = []
    leases.take(KEY, told.append)
    store.cancel(KEY)
    wait_until(lambda: told)
    assert told[0] is LeaseState.UNWANTED
    told.clear()
    store.delete(KEY)
    wait_until(lambda: LeaseState.LOST in told)
    with pytest.raises(LeaseLost):
        leases.write(KEY, Write(0, 0, [b"late"], 60))
    leases.give_back(KEY)


def test_a_store_that_fails_for_a_while_costs_no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    store, failed = MemoryStore(), []
    leases = Leases(store)
    told: list[LeaseState] = []

    def fail(*_: object) -> None:
        failed.append(1)
        raise StoreUnavailable if len(failed) % 2 else RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(store, "renew", fail)
        leases.take(KEY, told.append)
        wait_until(lambda: len(failed) > 3)
    store.cancel(KEY)
    wait_until(lambda: told == [LeaseState.UNWANTED])
    leases.give_back(KEY)


def test_what_could_not_be_taken_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    leases = Leases(store)

    def fail(*_: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(store, "lease", fail)
        with pytest.raises(StoreUnavailable):
            leases.take(KEY, ignore)
    leases.take(KEY, ignore)
    with monkeypatch.context() as patch:
        patch.setattr(store, "release", fail)
        leases.give_back(KEY)  # it ends by itself
    assert len(leases) == 0
