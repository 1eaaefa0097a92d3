"""A script: what processes do to one SQLite store, where gevent has patched nothing. Prints what it saw as JSON."""

from __future__ import annotations

import json
import os
import random
import resource
import select
import signal
import sys
import time
from pathlib import Path

from flask_agent_api.concurrency import patched
from flask_agent_api.conversations.base import LogBusy
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.base import StoreUnavailable
from flask_agent_api.conversations.base import Write
from flask_agent_api.conversations.sqlite import SQLiteStore

KEY = LogKey("conversation", "key:alice", "root", "c1")
DAY = 86_400.0


def append(store: SQLiteStore, *entries: bytes) -> int:
    """A turn; returns the revision it made. Waits for others' turns."""
    owner = f"{os.getpid()}"
    while True:
        try:
            log = store.lease(KEY, owner, 30)
            break
        except LogBusy:
            time.sleep(0.0005)
    store.write(KEY, owner, Write(log.revision, len(log.entries), entries, DAY))
    return log.revision + 1


def race(path: Path, turns: int) -> object:
    """Adds turns while other processes do; the revisions that it made."""
    store = SQLiteStore(path)
    return [append(store, f"{os.getpid()}".encode()) for _ in range(turns)]


def kill(path: Path, rounds: int) -> object:
    """Kills one writer after the other. How many turns were acknowledged, and kept, and which were wrong."""
    acknowledged, wrong = 0, []
    for number in range(rounds):
        told = killed_writer(path, random.uniform(0.0, 0.03), at_work=number % 2 == 0)
        acknowledged = max(acknowledged, told)
        store = SQLiteStore(path)
        log = store.read(KEY)
        turns = [entry.decode() for entry in log.entries]
        # Each turn is two entries; of the last one nobody may have heard.
        whole = [f"{turn}{part}" for turn in range(1, log.revision + 1) for part in "qa"]
        if turns != whole or not acknowledged <= log.revision <= acknowledged + 1:
            wrong.append([number, acknowledged, log.revision, turns[-3:]])
        store.release(KEY, "writer")  # all writers have this name
        acknowledged = log.revision
        store.close()
    return {"acknowledged": acknowledged, "wrong": wrong}


def killed_writer(path: Path, seconds: float, *, at_work: bool) -> int:
    """The last turn that a writer acknowledged before it was killed; 0 for none, which ``at_work`` excludes."""
    here, there = os.pipe()
    pid = os.fork()
    if pid == 0:
        write_for_ever(path, there)
    os.close(there)
    if at_work:
        select.select([here], [], [])
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(here) as pipe:
        lines = [line for line in pipe.read().split("\n") if line]
    return int(lines[-1]) if lines else 0


def write_for_ever(path: Path, pipe: int) -> None:
    store = SQLiteStore(path)
    while True:
        log = store.lease(KEY, "writer", 30)
        turn = log.revision + 1
        entries = [f"{turn}q".encode(), f"{turn}a".encode()]
        store.write(KEY, "writer", Write(log.revision, len(log.entries), entries, DAY))
        os.write(pipe, f"{turn}\n".encode())


def full(path: Path, _: int) -> object:
    """Writes until the disk is full, and again when it is not."""
    store = SQLiteStore(path)
    append(store, b"first")
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
    kept, failed = 1, False
    for _ in range(100):
        try:
            kept = append(store, b"x" * 20_000)
        except StoreUnavailable:
            failed = True
            break
    readable = len(store.read(KEY).entries) == kept
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    goes_on = append(store, b"last") == kept + 1
    return {"failed": failed, "some": kept > 2, "readable": readable, "goes on": goes_on, "patched": patched()}


def read_only(path: Path, _: int) -> object:
    """Has no right to write, first to a file that is there, then to a folder without one."""
    store = SQLiteStore(path)
    append(store, b"one")
    store.close()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    if os.geteuid() == 0:
        os.seteuid(65534)
    seen = []
    for each in (path, path.with_name("other.sqlite3")):
        store = SQLiteStore(each)
        try:
            append(store, b"two")
        except StoreUnavailable:
            seen.append("unavailable")
    return seen


if __name__ == "__main__":
    work = {"race": race, "kill": kill, "full": full, "read_only": read_only}[sys.argv[1]]
    print(json.dumps(work(Path(sys.argv[2]), int(sys.argv[3]))))
