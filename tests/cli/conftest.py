"""A folder with agents, and the commands run in it: in this process, or in one of their own as a user does."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_agent_api.cli import main

Run = Callable[..., "subprocess.CompletedProcess[str]"]

TEAM = """\
agents:
  root:
    model: demo/demo
    description: Leads
    instruction: Lead.
    sub_agents: [clerk]
    toolsets:
      - type: todo
  clerk:
    model: demo/demo
    description: Calculates
    instruction: Calculate.
    toolsets:
      - type: python
        tools: ["flask_agent_api.demo.tools:calculate"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "team.yaml").write_text(TEAM)
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("FLASK_", "PORT", "WEB_CONC"))}
    return env | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture
def run(folder: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``flask-agent-api`` in this process, which saves the half second that a new one takes to import it all."""
    monkeypatch.chdir(folder)

    def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
        out, err, status = io.StringIO(), io.StringIO(), 0
        with monkeypatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            for name in os.environ.keys() - environment.keys():
                patch.delenv(name)
            for name, value in (environment | env).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", list(command))
            try:
                main()
            except SystemExit as exc:
                status = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
        return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def run_process(folder: Path, environment: dict[str, str]) -> Run:
    """Runs a command as a user does; what a user reads first runs like that in the tests of the README, too."""

    def run(*command: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=folder, env=environment | env, input=stdin, capture_output=True, text=True, timeout=60
        )

    return run
