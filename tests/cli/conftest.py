"""A folder with agents, and the commands run in it as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
def run(folder: Path, environment: dict[str, str]) -> Run:
    def run(*command: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=folder, env=environment | env, input=stdin, capture_output=True, text=True, timeout=60
        )

    return run
