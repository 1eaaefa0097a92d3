"""What every store must do, run with each of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.conversations.base import ConversationStore
from flask_agent_api.conversations.base import LeaseLost
from flask_agent_api.conversations.base import LeaseState
from flask_agent_api.conversations.base import LogBusy
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.base import NO_LOG
from flask_agent_api.conversations.base import Write
from flask_agent_api.conversations.stores import open_store

KEY = LogKey("conversation", "key:alice", "root", "c1")
OTHER = LogKey("conversation", "key:bob", "root", "c1")
DAY = 86_400.0


@pytest.fixture(params=["memory://", "sqlite:///conversations.sqlite3", "redis://"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ConversationStore]:
    url: str = request.param
    if url == "redis://":
        url = f"unix://{request.getfixturevalue('redis_server').socket}?prefix={request.node.name}:"
    store = open_store(url, str(tmp_path))
    yield store
    store.close()


def write(store: ConversationStore, key: LogKey, *entries: bytes, ttl: float = DAY) -> None:
    """Adds entries to a log."""
    log = store.lease(key, "writer", 30)
    store.write(key, "writer", Write(log.revision, len(log.entries), entries, ttl))


def test_a_log_that_was_never_written_is_empty(store: ConversationStore) -> None:
    assert store.read(KEY) == NO_LOG
    log = store.lease(KEY, "a", 30)
    assert (log.revision, log.entries, log.leased) == (0, [], True)
    store.release(KEY, "a")
    assert store.read(KEY) == NO_LOG
    assert store.list("conversation") == []


def test_what_is_written_is_read(store: ConversationStore) -> None:
    write(store, KEY, b"one", b"\x00\xff two")
    write(store, KEY, b"three")
    log = store.read(KEY)
    assert (log.revision, log.entries, log.leased) == (2, [b"one", b"\x00\xff two", b"three"], False)
    assert store.read(KEY, 2).entries == [b"three"]
    assert store.read(KEY, 7).entries == []
    assert store.read(OTHER) == NO_LOG


def test_who_reads_learns_the_times_that_the_list_has(store: ConversationStore) -> None:
    write(store, KEY, b"one")
    log, [info] = store.read(KEY, 1), store.list("conversation")
    assert (log.created, log.used) == (info.created, info.used)
    assert 0 < log.created <= log.used


def test_a_write_replaces_what_it_does_not_keep(store: ConversationStore) -> None:
    write(store, KEY, b"one", b"two", b"three")
    store.lease(KEY, "a", 30)
    store.write(KEY, "a", Write(1, 1, [b"new"], DAY))
    assert store.read(KEY).entries == [b"one", b"new"]


def test_only_one_can_hold_a_log(store: ConversationStore) -> None:
    store.lease(KEY, "a", 30)
    with pytest.raises(LogBusy):
        store.lease(KEY, "b", 30)
    assert store.lease(KEY, "a", 30).revision == 0
    assert store.lease(OTHER, "b", 30).revision == 0
    store.release(KEY, "b")  # who does not hold it ends nothing
    with pytest.raises(LogBusy):
        store.lease(KEY, "b", 30)
    store.release(KEY, "a")
    store.lease(KEY, "b", 30)


def test_a_write_can_keep_the_lease(store: ConversationStore) -> None:
    store.lease(KEY, "a", 30)
    store.write(KEY, "a", Write(0, 0, [b"one"], DAY, release=False))
    with pytest.raises(LogBusy):
        store.lease(KEY, "b", 30)
    store.write(KEY, "a", Write(1, 1, [b"two"], DAY))
    assert store.lease(KEY, "b", 30).entries == [b"one", b"two"]


def test_who_does_not_hold_a_log_cannot_write(store: ConversationStore) -> None:
    write(store, KEY, b"one")
    with pytest.raises(LeaseLost):
        store.write(KEY, "a", Write(1, 1, [b"two"], DAY))
    store.lease(KEY, "a", 30)
    with pytest.raises(LeaseLost):
        store.write(KEY, "b", Write(1, 1, [b"two"], DAY))
    with pytest.raises(LeaseLost):
        store.write(KEY, "a", Write(0, 0, [b"two"], DAY))
    assert store.read(KEY).entries == [b"one"]


def test_a_lease_ends_by_itself_and_who_comes_late_loses(store: ConversationStore) -> None:
    store.lease(KEY, "dead", 0.05)
    time.sleep(0.1)  # the store's own clock
    log = store.lease(KEY, "heir", 30)
    store.write(KEY, "heir", Write(log.revision, 0, [b"heir"], DAY))
    assert store.renew([KEY], "dead", 30) == {KEY: LeaseState.LOST}
    with pytest.raises(LeaseLost):
        store.write(KEY, "dead", Write(0, 0, [b"late"], DAY))
    assert store.read(KEY).entries == [b"heir"]


def test_a_lease_is_renewed(store: ConversationStore) -> None:
    store.lease(KEY, "a", 1.0)
    store.lease(OTHER, "b", 30)
    assert store.renew([KEY, OTHER], "a", 30) == {KEY: LeaseState.HELD, OTHER: LeaseState.LOST}
    time.sleep(1.1)
    with pytest.raises(LogBusy):
        store.lease(KEY, "b", 30)


def test_many_leases_are_renewed_at_once(store: ConversationStore) -> None:
    keys = [LogKey("conversation", "key:alice", "root", f"c{number}") for number in range(600)]
    for key in keys[::2]:
        store.lease(key, "a", 30)
    states = store.renew(keys, "a", 30)
    assert [states[key] for key in keys] == [LeaseState.HELD, LeaseState.LOST] * 300


def test_a_holder_can_be_asked_to_stop(store: ConversationStore) -> None:
    assert not store.cancel(KEY)
    write(store, KEY, b"one")
    assert not store.cancel(KEY)
    store.lease(KEY, "a", 30)
    assert store.cancel(KEY)
    assert store.renew([KEY], "a", 30) == {KEY: LeaseState.UNWANTED}
    store.write(KEY, "a", Write(1, 1, [b"two"], DAY))
    store.lease(KEY, "a", 30)
    assert store.renew([KEY], "a", 30) == {KEY: LeaseState.HELD}


def test_a_log_is_deleted_for_its_holder_as_well(store: ConversationStore) -> None:
    assert not store.delete(KEY)
    write(store, KEY, b"one")
    store.lease(KEY, "a", 30)
    assert store.delete(KEY)
    assert store.read(KEY) == NO_LOG
    with pytest.raises(LeaseLost):
        store.write(KEY, "a", Write(1, 1, [b"two"], DAY))
    assert store.list("conversation") == []


def test_a_log_is_forgotten_when_its_time_is_up(store: ConversationStore) -> None:
    write(store, KEY, b"one", ttl=0.05)
    time.sleep(0.1)
    assert store.read(KEY) == NO_LOG
    assert store.list("conversation") == []
    assert store.lease(KEY, "a", 30).entries == []


def test_a_log_that_is_held_is_not_forgotten(store: ConversationStore) -> None:
    write(store, KEY, b"one", ttl=1.0)
    store.lease(KEY, "a", 30)
    time.sleep(1.1)
    store.prune("conversation", 0)
    store.write(KEY, "a", Write(1, 1, [b"two"], DAY))
    assert store.read(KEY).entries == [b"one", b"two"]


def test_logs_are_listed_by_their_last_use(store: ConversationStore) -> None:
    keys = [LogKey("conversation", "key:alice", "root", f"c{number}") for number in range(4)]
    for key in [*keys, keys[0]]:
        write(store, key, b"12345")
    write(store, OTHER, b"1")
    write(store, LogKey("turn", "key:alice", "root", "c1"), b"1")
    listed = store.list("conversation", "key:alice")
    assert [info.key for info in listed] == [keys[0], keys[3], keys[2], keys[1]]
    assert [(info.entries, info.size) for info in listed] == [(2, 10), (1, 5), (1, 5), (1, 5)]
    assert listed[0].created <= listed[0].used <= time.time() + 1
    assert [info.key for info in store.list("conversation", "key:alice", limit=2, offset=1)] == [keys[3], keys[2]]
    assert len(store.list("conversation")) == 5


def test_pruning_forgets_what_was_not_used_for_the_longest(store: ConversationStore) -> None:
    keys = [LogKey("conversation", "key:alice", "root", f"c{number}") for number in range(5)]
    for key in keys:
        write(store, key, b"1")
    write(store, LogKey("turn", "key:alice", "root", "t"), b"1")
    assert store.prune("conversation", 2) == 3
    assert {info.key for info in store.list("conversation")} == set(keys[3:])
    assert len(store.list("turn")) == 1
    assert store.prune("conversation", 2) == 0


def test_what_somebody_holds_is_not_pruned(store: ConversationStore) -> None:
    keys = [LogKey("conversation", "key:alice", "root", f"c{number}") for number in range(4)]
    for key in keys:
        write(store, key, b"1")
    store.lease(keys[0], "a", 30)
    store.lease(LogKey("conversation", "key:alice", "root", "new"), "a", 30)
    assert store.prune("conversation", 1) == 2
    assert {info.key for info in store.list("conversation")} == {keys[0], keys[3]}
    store.write(keys[0], "a", Write(1, 1, [b"2"], DAY))


def test_pruning_forgets_what_has_had_its_time_and_whose_holder_died(store: ConversationStore) -> None:
    write(store, KEY, b"1", ttl=0.05)
    write(store, OTHER, b"1")
    store.lease(LogKey("conversation", "key:alice", "root", "dead"), "dead", 0.05)
    time.sleep(0.1)  # the store's own clock
    store.prune("conversation", 10)
    assert [info.key for info in store.list("conversation")] == [OTHER]
    assert store.prune("conversation", 10) == 0


def test_the_last_write_says_how_long_a_log_is_kept(store: ConversationStore) -> None:
    write(store, KEY, b"1", ttl=DAY)
    write(store, OTHER, b"1", ttl=DAY)
    write(store, KEY, b"2", ttl=0.05)
    time.sleep(0.1)  # the store's own clock
    assert store.read(KEY) == NO_LOG
    assert [info.key for info in store.list("conversation")] == [OTHER]


def test_a_write_is_a_use_and_a_lease_is_none(store: ConversationStore) -> None:
    write(store, KEY, b"1")
    write(store, OTHER, b"1")
    store.lease(KEY, "a", 30)
    [other, before] = store.list("conversation")
    assert (other.key, before.key) == (OTHER, KEY)
    store.write(KEY, "a", Write(1, 1, [b"2"], DAY))
    [after, other] = store.list("conversation")
    assert (after.key, other.key) == (KEY, OTHER)
    assert after.created == before.created <= before.used <= after.used


def test_who_reads_sees_that_somebody_is_at_work(store: ConversationStore) -> None:
    write(store, KEY, b"one", b"two")
    store.lease(KEY, "a", 30)
    store.write(KEY, "a", Write(1, 2, [b"three"], DAY, release=False))
    log = store.read(KEY, 1)
    assert (log.revision, log.entries, log.leased) == (2, [b"two", b"three"], True)
    store.write(KEY, "a", Write(2, 3, [], DAY))
    log = store.read(KEY, 2)
    assert (log.revision, log.entries, log.leased) == (3, [b"three"], False)


def test_a_write_may_leave_nothing(store: ConversationStore) -> None:
    write(store, KEY, b"one", b"")
    assert store.read(KEY).entries == [b"one", b""]
    store.lease(KEY, "a", 30)
    store.write(KEY, "a", Write(1, 0, [], DAY))
    assert (store.read(KEY).revision, store.read(KEY).entries) == (2, [])
    assert [(info.entries, info.size) for info in store.list("conversation")] == [(0, 0)]


def test_a_write_that_fails_changes_nothing_and_keeps_the_lease(store: ConversationStore) -> None:
    write(store, KEY, b"one")
    store.lease(KEY, "a", 30)
    with pytest.raises(LeaseLost):
        store.write(KEY, "a", Write(7, 0, [b"two"], 0.001))
    assert store.read(KEY).leased
    store.write(KEY, "a", Write(1, 1, [b"two"], DAY))
    assert store.read(KEY).entries == [b"one", b"two"]


def test_the_heir_of_a_lease_is_not_bothered_by_what_its_late_holder_was_told(store: ConversationStore) -> None:
    write(store, KEY, b"one")
    store.lease(KEY, "dead", 1.0)
    assert store.cancel(KEY)
    time.sleep(1.1)  # the store's own clock
    assert not store.cancel(KEY)
    store.lease(KEY, "heir", 30)
    store.release(KEY, "dead")
    assert store.renew([KEY], "heir", 30) == {KEY: LeaseState.HELD}


def test_a_log_that_was_deleted_under_its_holder_is_another_one_when_it_comes_back(store: ConversationStore) -> None:
    write(store, KEY, b"one")
    store.lease(KEY, "a", 30)
    store.delete(KEY)
    assert store.renew([KEY], "a", 30) == {KEY: LeaseState.LOST}
    write(store, KEY, b"another")
    with pytest.raises(LeaseLost):
        store.write(KEY, "a", Write(1, 1, [b"two"], DAY))
    store.release(KEY, "a")
    assert store.read(KEY).entries == [b"another"]


def test_long_logs_and_large_entries_are_kept_in_their_order(store: ConversationStore) -> None:
    entries = [bytes([number % 256]) * (number + 1) for number in range(1000)]
    write(store, KEY, *entries)
    write(store, KEY, b"x" * 3_000_000)
    assert store.read(KEY).entries == [*entries, b"x" * 3_000_000]
    assert store.read(KEY, 999).entries == [entries[999], b"x" * 3_000_000]
    assert [(info.entries, info.size) for info in store.list("conversation")] == [(1001, 3_500_500)]
    store.lease(KEY, "a", 30)
    store.write(KEY, "a", Write(2, 10, [b"y"], DAY))
    assert [(info.entries, info.size) for info in store.list("conversation")] == [(11, 56)]


def test_a_store_that_was_closed_may_be_used_again(store: ConversationStore) -> None:
    write(store, KEY, b"one")
    store.close()
    store.close()
    write(store, KEY, b"two")
    assert store.read(KEY).entries == [b"one", b"two"]
    assert store.renew([], "a", 30) == {}


def test_odd_names_are_names_like_others(store: ConversationStore) -> None:
    odd = [
        LogKey("conversation", "a:b", "c", "d"),
        LogKey("conversation", "a", "b:c", "d"),
        LogKey("conversation", "ä", "*?[", "\u2028"),
        LogKey("conversation", "Ä", "*?[", "\u2028"),
        LogKey("conversation", "Ä", "*?[", "\x00"),
        LogKey("conversation", "Ä", "*?[", "\x00%_"),
        LogKey("conversation", "", "", ""),
    ]
    for number, key in enumerate(odd):
        write(store, key, str(number).encode())
    assert [store.read(key).entries for key in odd] == [[str(number).encode()] for number in range(7)]
    assert {info.key for info in store.list("conversation")} == set(odd)


def test_of_many_that_race_for_a_log_one_wins_each_time(store: ConversationStore) -> None:
    written: list[int] = []

    def race(number: int) -> None:
        for turn in range(5):
            owner = f"{number}.{turn}"
            while True:
                try:
                    log = store.lease(KEY, owner, 30)
                    break
                except LogBusy:
                    time.sleep(0.001)
            store.write(KEY, owner, Write(log.revision, len(log.entries), [owner.encode()], DAY))
            written.append(log.revision)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written) == list(range(40))
    assert len(set(store.read(KEY).entries)) == 40
