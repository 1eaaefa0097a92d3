"""What a killed process leaves behind is ended by its watchdog, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

import pytest

from tests.processes import children
from tests.processes import command_line
from tests.processes import runs
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

WORKER = """
import os, sys, time
from flask_agent_api.concurrency import patch_all
if sys.argv[1] == "patched":
    patch_all()
from flask_agent_api.tools.process import Command, RunningCommand, run_command

run_command(Command(("true",), "."), 5.0)
script = "trap '' TERM; sleep 60 & echo $! > child; echo $$ > parent; wait"
left = RunningCommand(Command(("/bin/sh", "-c", script), "."))
run_command(Command(("true",), "."), 5.0)
{then}
open("ready", "w").close()
while True:
    time.sleep(1)
"""
FORK = "os.fork()"


@contextmanager
def worker(folder: Path, kind: str, then: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A process that has commands running in ``folder``, in a group of its own."""
    command = [sys.executable, "-c", WORKER.replace("{then}", then), kind]
    with subprocess.Popen(command, cwd=folder, start_new_session=True) as process:
        try:
            wait_until(lambda: (folder / "ready").exists())
            wait_until(lambda: (folder / "parent").exists() and (folder / "parent").read_text().endswith("\n"))
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def written(folder: Path) -> list[int]:
    return [int((folder / name).read_text()) for name in ("parent", "child")]


@pytest.mark.parametrize("kind", ["patched", "unpatched"])
@pytest.mark.parametrize("then", ["", FORK], ids=["alone", "forked"])
def test_commands_of_a_killed_process_are_gone_within_five_seconds(tmp_path: Path, kind: str, then: str) -> None:
    """Also those that ignore SIGTERM, all that they started, and where a fork of the process lives on."""
    with worker(tmp_path, kind, then) as process:
        pids = written(tmp_path)
        assert all(map(runs, pids))
        process.kill()
        wait_until(lambda: not any(map(runs, pids)))


def test_the_watchdog_itself_ends_with_its_process(tmp_path: Path) -> None:
    with worker(tmp_path, "patched") as process:
        (watchdog,) = (pid for pid in children(process.pid) if "watched" in command_line(pid))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # what a platform sends to every process
            os.kill(watchdog, number)
        process.kill()
        wait_until(lambda: not any(map(runs, [watchdog, *written(tmp_path)])))


def test_what_has_ended_is_watched_no_longer(tmp_path: Path) -> None:
    """Else a number that others got meanwhile would be signalled."""
    ended = """
done = RunningCommand(Command(("sleep", "60"), "."))
done.kill()
done.finish()
import subprocess
real = subprocess.Popen(["sleep", "60"], start_new_session=True)
from flask_agent_api.tools import watchdog
watchdog.watch(real.pid); watchdog.watch(real.pid + 1); watchdog.release(real.pid)
open("real", "w").write(str(real.pid))
"""
    with worker(tmp_path, "unpatched", ended) as process:
        wait_until(lambda: (tmp_path / "real").exists())
        real = int((tmp_path / "real").read_text())
        process.kill()
        wait_until(lambda: not any(map(runs, written(tmp_path))))
        assert runs(real)
        os.kill(real, signal.SIGKILL)


def test_a_watchdog_that_is_gone_disturbs_no_command(tmp_path: Path) -> None:
    after = """
import signal
from flask_agent_api.tools import watchdog
os.kill(watchdog._watchdog.get()._process.pid, signal.SIGKILL)
watchdog._watchdog.get()._process.wait()
open("after", "w").write(run_command(Command(("echo", "well"), "."), 5.0).stdout)
"""
    with worker(tmp_path, "unpatched", after):
        wait_until(lambda: (tmp_path / "after").exists() and (tmp_path / "after").read_text() == "well\n")
        for pid in written(tmp_path):
            os.kill(pid, signal.SIGKILL)
