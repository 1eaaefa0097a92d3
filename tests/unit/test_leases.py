"""The leases of a process: one run for each, renewed while it goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from flask_agent_api.concurrency import spawn
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


class Gate:
    """Holds what passes it up after it has done its work, until it is opened."""

    def __init__(self, work: Callable[..., object]) -> None:
        self._work = work
        self._open = threading.Event()
        self.waits = 0

    def __call__(self, *args: object) -> object:
        result = self._work(*args)
        self.waits += 1
        self._open.wait()
        return result

    def open(self) -> None:
        self._open.set()


def test_what_the_store_says_of_a_lease_that_has_ended_is_not_told_to_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer to a renewal may come after the run has ended and the conversation has been taken once more."""
    store = MemoryStore()
    leases = Leases(store)
    first: list[LeaseState] = []
    second: list[LeaseState] = []
    asked = Gate(lambda *args: {KEY: LeaseState.LOST})
    with monkeypatch.context() as patch:
        patch.setattr(store, "renew", asked)
        leases.take(KEY, first.append)
        wait_until(lambda: asked.waits)
        leases.write(KEY, Write(0, 0, [b"one"], 60))
    leases.take(KEY, second.append)
    renewed = Gate(store.renew)
    monkeypatch.setattr(store, "renew", renewed)
    asked.open()
    wait_until(lambda: renewed.waits)
    renewed.open()
    assert (first, second) == ([], [])
    leases.give_back(KEY)


@pytest.mark.parametrize("end", ["write", "release"])
def test_a_lease_that_is_being_given_up_is_neither_renewed_nor_taken(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    store = MemoryStore()
    leases = Leases(store)
    told: list[LeaseState] = []
    renewals: list[object] = []
    renew = store.renew
    monkeypatch.setattr(store, "renew", lambda *args: renewals.append(args) or renew(*args))
    leases.take(KEY, told.append)
    gate = Gate(getattr(store, end))
    monkeypatch.setattr(store, end, gate)
    ending = spawn(lambda: leases.write(KEY, Write(0, 0, [b"one"], 60)) if end == "write" else leases.give_back(KEY))
    wait_until(lambda: gate.waits)
    before = len(renewals)
    leases.give_back(KEY)  # harmless when repeated
    with pytest.raises(LogBusy):
        leases.take(KEY, told.append)
    assert not ending.join(0.3)
    gate.open()
    assert ending.join(5)
    assert (told, len(renewals), len(leases)) == ([], before, 0)
    leases.take(KEY, told.append)
    leases.give_back(KEY)


def test_a_lease_is_not_renewed_before_the_store_has_given_it(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    leases = Leases(store)
    told: list[LeaseState] = []
    other = replace(KEY, id="c2")
    asked: list[object] = []
    renew = store.renew
    leases.take(other, ignore)  # from now on there are renewals
    monkeypatch.setattr(store, "renew", lambda keys, *args: asked.append([*keys]) or renew(keys, *args))
    gate = Gate(store.lease)
    monkeypatch.setattr(store, "lease", gate)
    taking = spawn(lambda: leases.take(KEY, told.append))
    wait_until(lambda: gate.waits and len(asked) > 2)
    assert [other] in asked
    assert not any(KEY in keys for keys in asked)  # type: ignore[attr-defined]
    gate.open()
    assert taking.join(5)
    wait_until(lambda: any(KEY in keys for keys in asked))  # type: ignore[attr-defined]
    assert told == []
    leases.give_back(KEY)
    leases.give_back(other)


def test_a_write_that_fails_leaves_the_lease_to_be_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    leases, there = Leases(store), Leases(store)
    leases.take(KEY, ignore)

    def fail(*_: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", fail)
        with pytest.raises(StoreUnavailable):
            leases.write(KEY, Write(0, 0, [b"one"], 60))
    renewed: list[object] = []
    renew = store.renew
    monkeypatch.setattr(store, "renew", lambda *args: renewed.append(args) or renew(*args))
    wait_until(lambda: len(renewed) > 15)
    with pytest.raises(LogBusy):
        there.take(KEY, ignore)
    leases.give_back(KEY)
    there.take(KEY, ignore)
    there.give_back(KEY)
