"""What the SQLite store does beside what every store must do."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from flask_agent_api.concurrency import sleep
from flask_agent_api.concurrency import spawn
from flask_agent_api.conversations import sqlite as sqlite_store
from flask_agent_api.conversations import sqlite_file
from flask_agent_api.conversations import sqlite_schema
from flask_agent_api.conversations.base import LogBusy
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.base import StoreUnavailable
from flask_agent_api.conversations.base import Write
from flask_agent_api.conversations.sqlite import SQLiteStore

KEY = LogKey("conversation", "key:alice", "root", "c1")
DAY = 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "kept.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(path)
    yield store
    store.close()


def write(store: SQLiteStore, key: LogKey, *entries: bytes, ttl: float = DAY) -> None:
    log = store.lease(key, "writer", 30)
    store.write(key, "writer", Write(log.revision, len(log.entries), entries, ttl))


def numbered(count: int) -> list[LogKey]:
    return [LogKey("conversation", "key:alice", "root", f"c{number}") for number in range(count)]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process writes, as SQLite sees it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield


def causes(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.ERROR]


def test_nobody_else_can_read_the_files(store: SQLiteStore, path: Path) -> None:
    write(store, KEY, b"one")
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {
        "kept.sqlite3": 0o600,
        "kept.sqlite3-wal": 0o600,
        "kept.sqlite3-shm": 0o600,
    }
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_is_kept_outlives_the_store(store: SQLiteStore, path: Path) -> None:
    write(store, KEY, b"one")
    store.close()
    other = SQLiteStore(path)
    assert other.read(KEY).entries == [b"one"]
    assert store.read(KEY).entries == [b"one"]  # one that was closed may be used again
    other.close()


def test_a_clock_that_was_put_back_makes_no_lease_longer(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.lease(KEY, "dead", 30)
    clock = SimpleNamespace(time=lambda: time.time() - 3600, monotonic=time.monotonic)
    monkeypatch.setattr(sqlite_file, "time", clock)
    assert not store.read(KEY).leased
    assert store.lease(KEY, "heir", 30).leased


def test_a_clock_that_was_put_back_takes_no_lease_from_its_holder(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, KEY, b"one")
    store.lease(KEY, "a", 30)
    monkeypatch.setattr(sqlite_file, "time", SimpleNamespace(time=lambda: time.time() - 60, monotonic=time.monotonic))
    assert store.renew([KEY], "a", 30)[KEY].value == "held"
    with pytest.raises(LogBusy):
        store.lease(KEY, "b", 30)
    store.write(KEY, "a", Write(1, 1, [b"two"], DAY))


def test_who_writes_elsewhere_is_waited_for_and_readers_go_on(store: SQLiteStore, path: Path) -> None:
    write(store, KEY, b"one")
    ticks: list[float] = []

    def tick() -> None:
        while not done:
            ticks.append(time.perf_counter())
            sleep(0.001)

    done: list[object] = []
    with locked(path):
        writer = spawn(lambda: done.append(store.lease(KEY, "a", 30)))
        ticker = spawn(tick)
        sleep(0.3)
        assert store.read(KEY).entries == [b"one"]
        assert done == []
    assert writer.join(5)
    assert ticker.join(5)
    assert max(after - before for before, after in pairwise(ticks)) < 0.25  # it waits in C


def test_a_file_that_stays_locked_is_unavailable_to_all_who_wait_at_once(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(store, KEY, b"one")
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.2)
    failed: list[str] = []

    def lease(number: int) -> None:
        with pytest.raises(StoreUnavailable) as caught:
            store.lease(KEY, f"{number}", 30)
        failed.append(str(caught.value))

    with locked(path):
        began = time.monotonic()
        tasks = [spawn(lease, number) for number in range(20)]
        assert all(task.join(5) for task in tasks)
        assert time.monotonic() - began < 2.0  # 4 s if one waited after the other
    assert len(failed) == 20
    assert {"sqlite" in text or "locked" in text for text in failed} == {False}
    assert causes(caplog) == [f"Conversations cannot be kept in {path}: OperationalError: database is locked"]
    assert store.lease(KEY, "a", 30).entries == [b"one"]


def test_a_file_that_is_no_database_is_unavailable_and_said_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(b"hello, this is a text of more than sixteen bytes" * 100)
    store = SQLiteStore(path)
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            store.lease(KEY, "a", 30)
        with pytest.raises(StoreUnavailable):
            store.read(KEY)
    store.close()
    assert causes(caplog) == [f"Conversations cannot be kept in {path}: DatabaseError: file is not a database"]
    assert path.read_bytes().startswith(b"hello")


def test_a_file_with_broken_pages_is_unavailable(
    store: SQLiteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for key in numbered(100):
        write(store, key, b"x" * 3000)
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(StoreUnavailable):
        store.lease(numbered(100)[50], "a", 30)
    assert "malformed" in causes(caplog)[0]


@pytest.mark.parametrize("folder", ["/proc/nowhere", "/dev/null/folder"])
def test_a_folder_that_cannot_be_made_is_unavailable(folder: str, caplog: pytest.LogCaptureFixture) -> None:
    store = SQLiteStore(Path(folder, "kept.sqlite3"))
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            store.lease(KEY, "a", 30)
    store.close()
    assert len(causes(caplog)) == 1
    assert folder in causes(caplog)[0]


def test_a_file_that_was_taken_away_is_unavailable_rather_than_forgetful(
    store: SQLiteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(store, KEY, b"one")
    path.rename(path.with_suffix(".old"))
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            write(store, KEY, b"two")
    assert "restart the server" in causes(caplog)[0]
    assert not path.exists()
    path.with_suffix(".old").rename(path)
    write(store, KEY, b"two")


def test_a_file_of_a_newer_version_is_left_alone(
    store: SQLiteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(store, KEY, b"one")
    store.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreUnavailable):
        store.read(KEY)
    assert "format 99" in causes(caplog)[0]


def test_a_file_of_something_else_is_left_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE users (name)")
    before = path.read_bytes()
    store = SQLiteStore(path)
    with pytest.raises(StoreUnavailable):
        store.lease(KEY, "a", 30)
    store.close()
    assert "file of their own" in causes(caplog)[0]
    assert path.read_bytes() == before


def test_an_older_file_is_taken_to_the_latest_version(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, KEY, b"one")
    store.close()
    later = (*sqlite_schema.MIGRATIONS, ("ALTER TABLE logs ADD COLUMN note TEXT", "UPDATE logs SET note = 'moved'"))
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", later)
    write(store, KEY, b"two")
    assert store.read(KEY).entries == [b"one", b"two"]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        assert db.execute("SELECT note FROM logs").fetchall() == [("moved",)]


def test_a_migration_that_fails_changes_nothing(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, KEY, b"one")
    store.close()
    with monkeypatch.context() as patch:
        later = (*sqlite_schema.MIGRATIONS, ("DROP TABLE entries", "CREATE NONSENSE"))
        patch.setattr(sqlite_schema, "MIGRATIONS", later)
        with pytest.raises(StoreUnavailable):
            store.read(KEY)
    assert store.read(KEY).entries == [b"one"]


def test_what_is_deleted_is_in_no_file_any_more(store: SQLiteStore, path: Path) -> None:
    def found() -> int:
        return sum(file.read_bytes().count(b"confidential") for file in path.parent.iterdir())

    for key in numbered(5):
        write(store, key, b"confidential" * 1000)
    assert found() >= 5000
    for key in numbered(5):
        store.delete(key)
    store.prune("conversation", 100)
    assert found() == 0


def test_the_write_ahead_log_does_not_grow_without_end(store: SQLiteStore, path: Path) -> None:
    wal = path.with_name(f"{path.name}-wal")
    for _ in range(12):
        write(store, KEY, b"x" * 1_000_000)
        store.read(KEY, 1000)
    assert path.stat().st_size > 10_000_000
    assert wal.stat().st_size <= 2 * sqlite_file.WAL_BYTES


def test_pruning_takes_turns_with_others_and_leaves_what_is_too_much(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_store, "PRUNED_AT_ONCE", 2)
    monkeypatch.setattr(sqlite_store, "PRUNED_IN_ALL", 6)
    for key in numbered(5):
        write(store, key, b"1")
    ended = [LogKey("conversation", "key:bob", "root", f"e{number}") for number in range(5)]
    for key in ended:
        write(store, key, b"1", ttl=0.001)
    time.sleep(0.01)  # the store's own clock
    assert store.prune("conversation", 2) == 6
    assert {info.key for info in store.list("conversation")} == {*numbered(5)[1:]}
    assert store.prune("conversation", 2) == 2
    assert store.prune("conversation", 2) == 0
    assert {info.key for info in store.list("conversation")} == {*numbered(5)[3:]}


def test_a_turn_writes_what_is_new_and_no_more(store: SQLiteStore, path: Path) -> None:
    wal = path.with_name(f"{path.name}-wal")
    write(store, KEY, *[os.urandom(50_000) for _ in range(20)])
    store.prune("conversation", 100)  # empties the write-ahead log
    assert wal.stat().st_size == 0
    write(store, KEY, b"new")
    assert wal.stat().st_size < 100_000


def test_lists_and_prunings_look_nothing_up_one_by_one(store: SQLiteStore, path: Path) -> None:
    write(store, KEY, b"one")
    values = {"kind": "conversation", "principal": "key:alice", "now": 0.0, "limit": 1, "offset": 0}
    queries = [
        sqlite_store._LIST_ALL,
        sqlite_store._LIST_OF_ONE,
        sqlite_store._COUNT,
        sqlite_store._ENDED,
        sqlite_store._UNUSED,
    ]
    with closing(sqlite3.connect(path)) as db:
        for query in queries:
            plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}", values))
            assert "INDEX logs_" in plan, plan
            assert "TEMP B-TREE" not in plan, plan
