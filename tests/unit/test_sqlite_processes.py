"""Many processes on one file, and ones that die, in processes that nothing has patched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.sqlite import SQLiteStore

KEY = LogKey("conversation", "key:alice", "root", "c1")
SCRIPT = Path(__file__).with_name("sqlite_processes.py")


def start(what: str, path: Path, number: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), what, str(path), str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=50)
    assert process.returncode == 0, err
    return json.loads(out)


def test_of_processes_that_race_for_a_log_each_turn_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "data" / "kept.sqlite3"
    processes = [start("race", path, 20) for _ in range(3)]
    revisions = [end(process) for process in processes]
    assert sorted(number for made in revisions for number in made) == list(range(1, 61))
    with closing(SQLiteStore(path)) as store:
        entries = store.read(KEY).entries
    for process, mine in zip(processes, revisions, strict=True):
        assert [number for number, entry in enumerate(entries, 1) if entry == str(process.pid).encode()] == mine


@pytest.mark.parametrize("rounds", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_what_was_acknowledged_outlives_sigkill_and_nothing_is_half_written(rounds: int, tmp_path: Path) -> None:
    seen = end(start("kill", tmp_path / "kept.sqlite3", rounds))
    assert seen["wrong"] == []
    assert seen["acknowledged"] >= rounds / 2  # every other writer was at work


def test_a_full_disk_is_unavailable_until_there_is_room(tmp_path: Path) -> None:
    seen = end(start("full", tmp_path / "kept.sqlite3"))
    assert seen == {"failed": True, "some": True, "readable": True, "goes on": True, "patched": False}


def test_a_folder_without_the_right_to_write_is_unavailable(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for parent in [tmp_path, *tmp_path.parents][:3]:
        os.chmod(parent, 0o755)
    assert end(start("read_only", folder / "kept.sqlite3")) == ["unavailable", "unavailable"]


def test_a_process_that_waits_for_a_lock_can_end(tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite3"
    code = (
        "import flask_agent_api.concurrency as c, sys; c.patch_all()\n"
        "from pathlib import Path; from flask_agent_api.conversations.sqlite import SQLiteStore\n"
        "from flask_agent_api.conversations.base import LogKey\n"
        "store = SQLiteStore(Path(sys.argv[1])); key = LogKey('a', 'b', 'c', 'd'); store.release(key, 'me')\n"
        "import sqlite3; db = sqlite3.connect(sys.argv[1], isolation_level=None); db.execute('BEGIN IMMEDIATE')\n"
        "c.spawn(store.lease, key, 'me', 9); c.sleep(0.1); print('ends', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ends\n"
    began = time.monotonic()
    assert process.wait(10) == 0
    assert time.monotonic() - began < 2.0  # the lock would be waited for for five seconds
    process.stdout.close()
