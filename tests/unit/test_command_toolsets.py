"""The toolsets of team files that run commands: where they run, and what they see."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import cast

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.base import Tool

ENVIRON = {"PATH": "/usr/bin:/bin", "TOKEN": "t0", "HOME": "/home/me"}


def load(folder: Path, *toolsets: dict[str, Any]) -> ModelAgent:
    file = folder / "team.yaml"
    file.write_text(json.dumps({"agents": {"root": {"model": "demo/demo", "toolsets": toolsets}}}))
    return cast(ModelAgent, load_docker_agent(file, Settings(), ENVIRON).agents["root"])


def tools(agent: ModelAgent) -> Sequence[Tool]:
    return [tool for toolset in agent.toolsets for tool in toolset.tools(RunContext(Settings()))]


def shell(agent: ModelAgent, cmd: str) -> Any:
    return tools(agent)[0].call({"cmd": cmd}, RunContext(Settings()))


def test_commands_run_beside_the_file(tmp_path: Path) -> None:
    assert shell(load(tmp_path, {"type": "shell"}), "pwd -P") == str(tmp_path.resolve())


def test_or_where_the_entry_says(tmp_path: Path) -> None:
    (tmp_path / "t0").mkdir()
    assert shell(load(tmp_path, {"type": "shell", "working_dir": "./$TOKEN"}), "pwd -P") == str(tmp_path / "t0")
    assert shell(load(tmp_path, {"type": "shell", "working_dir": "/"}), "pwd -P") == "/"


def test_a_folder_that_is_not_there_is_an_error_of_the_call(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="there is no folder"):
        shell(load(tmp_path, {"type": "shell", "working_dir": "gone"}), "pwd")


def test_variables_are_filled_in(tmp_path: Path) -> None:
    env = {"A": "$TOKEN", "B": "${TOKEN}!", "C": "${env.TOKEN}", "PATH": "${PATH}:/custom/bin"}
    agent = load(tmp_path, {"type": "shell", "env": env})
    assert shell(agent, "echo $A $B $C $PATH") == "t0 t0! t0 /usr/bin:/bin:/custom/bin"
    assert agent.warnings == ()


@pytest.mark.parametrize("kind", ["shell", "background_jobs", "script"])
def test_a_toolset_whose_variables_are_not_set_is_left_out(tmp_path: Path, kind: str) -> None:
    entry: dict[str, Any] = {"type": kind, "env": {"A": "$UNSET"}, "working_dir": "${ALSO_UNSET}"}
    agent = load(tmp_path, {**entry, **({"shell": {"x": {"cmd": "true"}}} if kind == "script" else {})})
    assert agent.toolsets == ()
    assert [warning.partition(": ")[2] for warning in agent.warnings] == [
        "agents.root.toolsets[0].env.A: UNSET is not set in the environment, this toolset is left out",
        "agents.root.toolsets[0].working_dir: ALSO_UNSET is not set in the environment, this toolset is left out",
    ]


def test_how_long_a_command_may_take_unless_it_says_so(tmp_path: Path) -> None:
    result = shell(load(tmp_path, {"type": "shell", "timeout": 1}), "sleep 60")
    assert result.startswith("The command did not end within 1 s")


JOBS = [
    "run_background_job",
    "list_background_jobs",
    "view_background_job",
    "stop_background_job",
    "wait_background_job",
]


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        (["shell"], ["shell", *JOBS]),
        (["background_jobs"], JOBS),
        (["shell", "background_jobs"], ["shell", *JOBS]),
        (["background_jobs", "shell"], [*JOBS, "shell"]),
        (["environment"], ["get_environment_info"]),
    ],
)
def test_every_tool_is_there_once(tmp_path: Path, kinds: list[str], names: list[str]) -> None:
    agent = load(tmp_path, *({"type": kind} for kind in kinds))
    assert [tool.name for tool in tools(agent)] == names
    assert agent.warnings == ()


def test_fields_without_effect_are_warned_of(tmp_path: Path) -> None:
    agent = load(tmp_path, {"type": "shell", "safer": True, "sandbox": {"image": "x"}, "sudo_askpass": False})
    assert [warning.partition("toolsets[0].")[2] for warning in agent.warnings] == [
        "safer: not supported yet, it has no effect",
        "sandbox: not supported yet, it has no effect",
    ]


def test_the_environment_tells_system_and_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/local/bin/bash")
    [tool] = tools(load(tmp_path, {"type": "environment"}))
    assert tool.read_only
    assert json.loads(str(tool.call({}, RunContext(Settings())))) == {"os": "Linux", "shell": "bash"}
