"""Programs that are started under gevent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import pytest

from flask_agent_api.child_process import start_child
from flask_agent_api.concurrency import spawn

TWICE = """
import os, sys
from flask_agent_api.concurrency import patch_all
patch_all()
import time
from flask_agent_api.concurrency import spawn
from flask_agent_api.child_process import start_child

def others():
    while True:
        with open(sys.argv[1], "a") as file:
            print(os.getpid(), file=file)
        time.sleep(0.001)

os.register_at_fork(after_in_child=lambda: time.sleep(0.05))
task = spawn(others)
time.sleep(0.01)
child = start_child(["sh", "-c", "echo $$"], stdout=-1)
assert int(child.stdout.read(100)) == child.pid
assert child.wait(10) == 0
"""


def test_nothing_of_this_process_goes_on_in_the_child(tmp_path: Path) -> None:
    """Else what waits in a library's hook for forks has each other task go on there, with our sockets."""
    seen = tmp_path / "seen"
    script = subprocess.Popen([sys.executable, "-c", TWICE, str(seen)], stderr=PIPE, text=True)
    _, complaints = script.communicate(timeout=30)
    assert (script.returncode, complaints) == (0, "")
    assert set(map(int, seen.read_text().split())) == {script.pid}


def test_no_other_task_runs_while_a_program_starts() -> None:
    """So that a cancel cannot come between its start and the moment when somebody knows of it."""
    ran: list[bool] = []
    spawn(ran.append, True)
    child = start_child(["true"])
    assert ran == []
    assert child.wait(10) == 0
    assert ran == [True]


def test_input_output_and_the_exit_code() -> None:
    child = start_child(["sh", "-c", "cat; echo why >&2; exit 3"], stdin=PIPE, stdout=PIPE, stderr=PIPE)
    child.stdin.write(b"all of it")
    child.stdin.close()
    assert (child.stdout.read(100), child.stdout.read(100), child.stderr.read(100)) == (b"all of it", b"", b"why\n")
    assert child.wait(10) == child.poll() == child.returncode == 3
    child.stdout.close()
    child.stderr.close()


def test_others_run_while_one_waits_for_its_end() -> None:
    child = start_child(["sleep", "60"])
    started = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.05)
    assert time.monotonic() - started < 5
    assert child.poll() is None
    spawn(os.kill, child.pid, 9)
    assert child.wait(10) == -9


def test_a_program_that_ends_at_once_is_seen_to_end() -> None:
    assert [start_child(["true"]).wait(10) for _ in range(20)] == [0] * 20


def test_it_inherits_no_file(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        child = start_child(["sh", "-c", f"test -e /proc/self/fd/{file.fileno()}"])
        assert child.wait(10) == 1


@pytest.mark.parametrize(
    ("argv", "error"),
    [(["there-is-no-such-program"], FileNotFoundError), (["/"], PermissionError), (["\0"], ValueError)],
)
def test_what_cannot_start_says_why(argv: list[str], error: type[Exception]) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(error):
        start_child(argv, stdin=PIPE, stdout=PIPE)
    assert os.listdir("/proc/self/fd") == before
