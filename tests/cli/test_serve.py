from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.ports import listens

from .conftest import Run

pytestmark = pytest.mark.slow


class Served:
    """``flask-agent-api serve`` in a folder."""

    def __init__(self, folder: Path, env: dict[str, str], *arguments: str) -> None:
        self.port = free_port()
        self._log = folder / "serve.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                ["flask-agent-api", "serve", "--port", str(self.port), *arguments],
                cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.wait_for(lambda: listens(self.port), "listening")

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, condition: object, what: str) -> None:
        deadline = time.monotonic() + 60
        while not condition():  # type: ignore[operator]
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, f"not {what}: {self.log}"
            time.sleep(0.05)

    def get(self, path: str) -> object:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
            return json.load(response)

    def names(self) -> list[str]:
        return [model["id"] for model in self.get("/v1/models")["data"]]  # type: ignore[index]

    def stop(self) -> float:
        """Seconds that it takes to end by SIGTERM."""
        started = time.monotonic()
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)
        return time.monotonic() - started

    def kill(self) -> None:
        """Ends it whatever it does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


@pytest.fixture
def served(folder: Path, environment: dict[str, str]) -> Iterator[list[Served]]:
    running: list[Served] = []
    yield running
    for each in running:
        each.kill()


def test_serve_prints_its_url_and_agents_and_answers(
    folder: Path, environment: dict[str, str], served: list[Served], run: Run
) -> None:
    served.append(server := Served(folder, environment, "team.yaml", "--workers", "2"))
    assert f"Serving at http://127.0.0.1:{server.port}/v1" in server.log
    assert "root " in server.log
    assert "tools: todo" in server.log
    assert server.names() == ["root", "clerk"]
    done = run("flask-agent-api", "chat", f"http://127.0.0.1:{server.port}/v1", "-m", "ask clerk to calculate 6 * 7")
    assert done.returncode == 0, done.stderr
    assert "[root -> clerk]" in done.stdout
    assert "42" in done.stdout
    assert server.stop() < 3


@pytest.mark.slow
def test_serve_with_an_agent_serves_only_that_one(
    folder: Path, environment: dict[str, str], served: list[Served]
) -> None:
    served.append(server := Served(folder, environment, "team.yaml", "--agent", "clerk"))
    assert server.names() == ["clerk"]


def test_serve_reads_an_env_file(folder: Path, environment: dict[str, str], served: list[Served]) -> None:
    (folder / ".env.local").write_text("# agents\nexport FLASK_AGENT_API_AGENTS='team.yaml'\n\n")
    served.append(server := Served(folder, environment, "--env-file", ".env.local"))
    assert server.names() == ["root", "clerk"]


def test_serve_refuses_other_machines_without_keys(run: Run) -> None:
    done = run("flask-agent-api", "serve", "team.yaml", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "FLASK_AGENT_API_KEYS" in done.stderr
    assert "--insecure-no-auth" in done.stderr


def test_serve_with_a_wrong_file_does_not_start(run: Run, folder: Path) -> None:
    (folder / "team.yaml").write_text("agents: {root: {modle: demo/demo}}\n")
    done = run("flask-agent-api", "serve", "team.yaml", "--port", "0")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Error: team.yaml:1")
    assert '"model"' in done.stderr


def test_serve_with_options_for_an_agent_that_is_not_there_does_not_start(run: Run) -> None:
    options = '{"clark": {"run_timeout": 5}}'
    done = run("flask-agent-api", "serve", "team.yaml", "--port", "0", FLASK_AGENT_API_AGENT_OPTIONS=options)
    assert done.returncode == 1
    assert "there is no agent 'clark'; did you mean 'clerk'?" in done.stderr


def test_help_names_every_command(run_process: Run) -> None:
    done = run_process("flask-agent-api", "--help")
    assert done.returncode == 0
    for command in ("serve", "chat", "check", "agents"):
        assert f"\n  {command} " in done.stdout
