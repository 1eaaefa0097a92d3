"""MCP servers under gunicorn's gevent worker: calls at once, and nothing left behind when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.concurrency import spawn
from tests.ports import free_port
from tests.processes import runs
from tests.support import NO_CONTROL_SOCKET
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

pytest.importorskip("mcp")

DATA = Path(__file__).parent.parent / "data"


class Gunicorn:
    """A real gunicorn with two workers that serves tests/data/mcp_app.py."""

    def __init__(self, notes: Path, preload: bool) -> None:
        self._port = free_port()
        self._notes = notes
        command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-w", "2", "-b", f"127.0.0.1:{self._port}"]
        command += ["--preload"] * preload + [*NO_CONTROL_SOCKET, "--log-level", "warning", "mcp_app:app"]
        environ = {**os.environ, "MCP_NOTES": str(notes)}
        self.process = subprocess.Popen(command, cwd=DATA, env=environ)
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.get("lag"))
        except OSError:
            return False

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{path}", timeout=15) as response:
            return str(response.read().decode())

    def get_together(self, path: str, count: int) -> list[str]:
        answers: list[str] = []

        def fetch() -> None:
            try:
                answers.append(self.get(path))
            except urllib.error.URLError as exc:
                answers.append(f"0 {exc}")

        tasks = [spawn(fetch) for _ in range(count)]
        assert all(task.join(20) for task in tasks)
        return answers

    def servers(self) -> list[int]:
        """Ids of all MCP servers that were started."""
        lines = self._notes.read_text().splitlines() if self._notes.exists() else []
        return [int(line.split()[1]) for line in lines if line.startswith("start ")]


@pytest.fixture
def gunicorn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gunicorn]:
    server = Gunicorn(tmp_path / "notes", request.param)
    yield server
    if server.process.poll() is None:
        server.process.terminate()
        server.process.wait(35)


def workers_used(gunicorn: Gunicorn) -> set[int]:
    """Calls until both workers have a server; their process ids."""
    seen: set[int] = set()

    def both() -> bool:
        answers = gunicorn.get_together("echo/hello", 10)
        assert all(answer.endswith(" hello") for answer in answers)
        seen.update(int(answer.split()[0]) for answer in answers)
        return len(seen) == 2

    wait_until(both)
    return seen


@pytest.mark.parametrize("gunicorn", [True], indirect=True, ids=["preload"])
def test_calls_run_at_once_and_sigterm_ends_the_servers_at_once(gunicorn: Gunicorn) -> None:
    workers_used(gunicorn)
    assert len(gunicorn.servers()) == 2
    started = time.monotonic()
    answers = gunicorn.get_together("sleep/0.1", 50)
    assert time.monotonic() - started < 3
    assert [answer.split()[1] for answer in answers] == ["slept"] * 50
    started = time.monotonic()
    gunicorn.process.send_signal(signal.SIGTERM)
    assert gunicorn.process.wait(30) == 0
    assert time.monotonic() - started < 3
    assert not any(runs(pid) for pid in gunicorn.servers())


@pytest.mark.parametrize("gunicorn", [False], indirect=True, ids=["no preload"])
def test_servers_end_by_themselves_when_everything_is_killed(gunicorn: Gunicorn) -> None:
    workers = workers_used(gunicorn)
    assert all(runs(pid) for pid in gunicorn.servers())
    gunicorn.process.kill()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(runs(pid) for pid in gunicorn.servers()))
