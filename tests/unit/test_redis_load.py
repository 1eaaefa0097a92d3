"""A Redis that is killed and restarted while many write, and processes that race for one log."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

import pytest

from flask_agent_api.concurrency import spawn
from flask_agent_api.conversations.base import ConversationStore
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.base import StoreUnavailable
from flask_agent_api.conversations.base import Write
from flask_agent_api.conversations.stores import open_store
from tests.ports import free_port
from tests.redis_server import RedisServer
from tests.waiting import wait_until

DAY = 86_400.0
RACER = """\
import sys, time
from flask_agent_api.conversations.base import LogBusy, LogKey, Write
from flask_agent_api.conversations.stores import open_store

url, name = sys.argv[1:]
store, key = open_store(url, ""), LogKey("conversation", "key:alice", "root", "raced")
for turn in range(50):
    while True:
        try:
            log = store.lease(key, name, 30)
            break
        except LogBusy:
            time.sleep(0.001)
    entry = f"{name}.{turn}"
    store.write(key, name, Write(log.revision, len(log.entries), [entry.encode()], 86400.0))
    print(log.revision, entry, flush=True)
"""


@pytest.mark.slow
def test_of_processes_that_race_for_a_log_one_wins_each_time(redis_server: RedisServer) -> None:
    url = f"{redis_server.url}?prefix=race:"
    command = [sys.executable, "-c", RACER, url]
    racers = [subprocess.Popen([*command, f"p{number}"], stdout=subprocess.PIPE, text=True) for number in range(4)]
    lines = [line.split() for racer in racers for line in racer.communicate(timeout=60)[0].splitlines()]
    written = [entry.encode() for _, entry in sorted(lines, key=lambda line: int(line[0]))]
    assert len(written) == 200
    store = open_store(url, "")
    assert store.read(LogKey("conversation", "key:alice", "root", "raced")).entries == written
    store.close()


class Writer:
    """Writes numbers to a log of its own; asks again, for the same, while the store is not available."""

    def __init__(self, store: ConversationStore, number: int, stopped: threading.Event) -> None:
        self.key = LogKey("conversation", "key:alice", "root", f"w{number}")
        self.acknowledged: list[bytes] = []
        self.failures = 0
        self.error: BaseException | None = None
        self._store = store
        self._stopped = stopped

    def work(self) -> None:
        try:
            while not self._stopped.is_set():
                self._turn(str(len(self.acknowledged)).encode())
        except Exception as exc:
            self.error = exc

    def _turn(self, entry: bytes) -> None:
        owner = f"{self.key.id}.{entry.decode()}"
        while True:
            try:
                log = self._store.lease(self.key, owner, 30)
                break
            except StoreUnavailable:
                self._fail()
        write = Write(log.revision, len(log.entries), [entry], DAY)
        while True:
            try:
                self._store.write(self.key, owner, write)
                self.acknowledged.append(entry)
                return
            except StoreUnavailable:
                self._fail()

    def _fail(self) -> None:
        self.failures += 1
        time.sleep(0.005)


def each(writers: Sequence[Writer], count: Callable[[Writer], int]) -> None:
    """Waits until something has happened to each of them anew."""
    before = [count(writer) for writer in writers]
    wait_until(lambda: all(count(writer) > seen for writer, seen in zip(writers, before, strict=True)))


@pytest.mark.slow
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_nothing_that_was_acknowledged_is_lost_and_nothing_is_done_twice(tmp_path: Path, end: str) -> None:
    server = RedisServer(tmp_path, "--appendonly", "yes", "--appendfsync", "always")
    store = open_store(f"{server.url}?max_connections=8", "")
    stopped = threading.Event()
    writers = [Writer(store, number, stopped) for number in range(20)]
    tasks = [spawn(writer.work) for writer in writers]
    try:
        for _ in range(4):
            each(writers, lambda writer: len(writer.acknowledged))
            getattr(server, end)()
            each(writers, lambda writer: writer.failures)
            server.start()
        each(writers, lambda writer: len(writer.acknowledged))
    finally:
        stopped.set()
        ended = all(task.join(20) for task in tasks)
        logs = [store.read(writer.key).entries for writer in writers]
        store.close()
        server.stop()
    assert ended
    assert [writer.error for writer in writers] == [None] * 20
    assert logs == [writer.acknowledged for writer in writers]


@pytest.mark.slow
def test_each_script_keeps_to_one_slot_of_a_cluster(tmp_path: Path) -> None:
    port = next(port for port in iter(free_port, 0) if port < 55_000)  # its bus listens 10,000 above
    server = RedisServer(tmp_path, "--cluster-enabled", "yes", port=port)
    server.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    store = open_store(server.url, "")
    key = LogKey("conversation", "key:alice", "root", "c1")
    try:
        wait_until(lambda: "cluster_state:ok" in server.ask("CLUSTER", "INFO"))
        store.lease(key, "a", 30)
        assert store.cancel(key)
        store.renew([key], "a", 30)
        store.write(key, "a", Write(0, 0, [b"one"], DAY))
        assert [info.key for info in store.list("conversation", "key:alice")] == [key]
        assert store.prune("conversation", 0) == 1
        store.lease(key, "a", 30)
        store.write(key, "a", Write(0, 0, [b"one"], DAY, release=False))
        store.release(key, "a")
        assert store.delete(key)
    finally:
        store.close()
        server.stop()
