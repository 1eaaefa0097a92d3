"""``lifecycle`` of MCP servers in docker-agent files: when they are started again, and how long they may take."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.durations import is_duration
from flask_agent_api.formats.durations import seconds
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.mcp.backoff import Backoff
from flask_agent_api.tools.mcp.backoff import RestartPolicy
from flask_agent_api.tools.mcp.toolset import MCPServerConfig
from flask_agent_api.tools.mcp.toolset import MCPToolset

FAKE = str(Path(__file__).parent.parent / "data" / "mcp_fake_server.py")
CTX = RunContext(Settings())


def load(folder: Path, lifecycle: dict[str, Any], *args: str) -> MCPToolset:
    server = {"type": "mcp", "command": sys.executable, "args": [FAKE, *args], "lifecycle": lifecycle}
    (folder / "team.yaml").write_text(json.dumps({"agents": {"root": {"model": "demo/demo", "toolsets": [server]}}}))
    agent = load_docker_agent(folder / "team.yaml", Settings(), {}).agents["root"]
    assert isinstance(agent, ModelAgent)
    assert agent.warnings == ()
    (toolset,) = agent.toolsets
    assert isinstance(toolset, MCPToolset)
    return toolset


def config(folder: Path, **lifecycle: Any) -> MCPServerConfig:
    return load(folder, lifecycle).config


def test_the_defaults_are_those_of_any_server(tmp_path: Path) -> None:
    plain = config(tmp_path)
    assert (plain.startup_timeout, plain.call_timeout, plain.restarts) == (30.0, None, RestartPolicy())
    assert config(tmp_path, profile="resilient", restart="on_failure", max_restarts=0, call_timeout=0) == plain
    assert config(tmp_path, max_restarts=-1).restarts.most_failures is None


def test_all_its_fields_are_read(tmp_path: Path) -> None:
    backoff = {"initial": "500ms", "max": "1m", "multiplier": 3, "jitter": 0.2}
    full = config(tmp_path, max_restarts=2, backoff=backoff, startup_timeout="1m30s", call_timeout="2s")
    assert (full.startup_timeout, full.call_timeout) == (90.0, 2.0)
    assert full.restarts == RestartPolicy(True, 3, 0.5, 60.0, 3.0, 0.2)


@pytest.mark.parametrize("profile", ["strict", "best-effort"])
def test_profiles_are_defaults(tmp_path: Path, profile: str) -> None:
    assert not config(tmp_path, profile=profile).restarts.again
    assert config(tmp_path, profile=profile, restart="always").restarts.again


@pytest.mark.parametrize(
    ("lifecycle", "message"),
    [
        ({"profile": "brave"}, "lifecycle.profile: expected one of resilient, strict, best-effort"),
        ({"restart": "sometimes"}, "lifecycle.restart: expected one of never, on_failure, always"),
        ({"startup_timeout": -30}, "lifecycle.startup_timeout: expected a length of time like 500ms, 30s or 1m30s"),
        ({"call_timeout": "5 s"}, "lifecycle.call_timeout: expected a length of time"),
        ({"backoff": {"jitter": 2}}, "lifecycle.backoff.jitter: expected a number from 0 to 1"),
        ({"backof": {}}, 'lifecycle.backof: unknown field, did you mean "backoff"?'),
    ],
)
def test_wrong_fields_are_errors_with_their_place(tmp_path: Path, lifecycle: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, lifecycle)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 0.5),
        ("1m30s", 90),
        ("1.5h", 5400),
        ("2h", 7200),
        ("0", 0),
        (90, 90),
        (0, 0),
        (".5s", 0.5),
        ("9" * 400 + "h", 1e9),
    ],
)
def test_durations_are_gos(text: str | int, expected: float) -> None:
    assert is_duration(text)
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "5", -5, "s", "-1s", "1d", "1s ", True, None, 1.5, "1s1"])
def test_other_texts_are_no_durations(text: object) -> None:
    assert not is_duration(text)


def test_waits_grow_up_to_the_longest() -> None:
    backoff = Backoff(RestartPolicy(first_wait=10, longest_wait=35, multiplier=2))
    waits = []
    for _ in range(4):
        backoff.failed("gone")
        waits.append(round(backoff.wait()))
    assert waits == [10, 20, 35, 35]


def test_jitter_moves_a_wait_within_its_part() -> None:
    waits = set()
    for _ in range(20):
        backoff = Backoff(RestartPolicy(first_wait=100, longest_wait=100, jitter=0.5))
        backoff.failed("gone")
        waits.add(backoff.wait())
    assert len(waits) > 1
    assert all(49 < wait <= 150 for wait in waits)


def fails(toolset: MCPToolset) -> str:
    with pytest.raises(ToolError) as caught:
        toolset.tools(CTX)
    return str(caught.value)


def test_a_server_that_may_not_restart_stays_away_once_it_has_ended(tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    notes = tmp_path / "notes"
    toolset = load(tmp_path, {"profile": "best-effort"}, f"notes={notes}")
    crash = next(tool for tool in toolset.tools(CTX) if tool.name == "crash")
    with pytest.raises(ToolError):
        crash.call({}, CTX)
    assert fails(toolset).endswith("it is not started again")
    assert notes.read_text().count("start") == 1


def test_after_its_last_restart_a_server_is_given_up(tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    notes = tmp_path / "notes"
    toolset = load(tmp_path, {"max_restarts": 1, "backoff": {"initial": "1ms"}}, "exit=3", f"notes={notes}")
    assert "exited with code 3" in fails(toolset)
    deadline = time.monotonic() + 10
    while not fails(toolset).endswith("it is not started again"):
        assert time.monotonic() < deadline
    assert notes.read_text().count("start") == 2
