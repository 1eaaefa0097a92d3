from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import cast

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.run import Run
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.base import Toolset
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.tools.traits import TRAITS
from flask_agent_api.tools.traits import Traits
from flask_agent_api.types import RunRequest
from flask_agent_api.types import ToolFinished


def read_file(path: str) -> str:
    """Changes nothing."""
    return f"read {path}"


def write_file(path: str) -> str:
    """Changes something."""
    return f"wrote {path}"


def shell(cmd: str) -> str:
    """Needs the operator's word."""
    return f"ran {cmd}"


class GitHub(FunctionToolset):
    """What rules call ``mcp:github``."""

    kind = "mcp"

    def __init__(self) -> None:
        super().__init__("github", [FunctionTool(shell, name="github_delete_repo", description="d")])


TOOLSETS: tuple[Toolset, ...] = (
    FunctionToolset(
        "files",
        [FunctionTool(read_file, read_only=True), FunctionTool(write_file), FunctionTool(shell, needs="shell")],
    ),
    GitHub(),
)


def team(folder: Path, **top: Any) -> dict[str, ModelAgent]:
    """The agents of a file, with tools that need no server."""
    path = folder / "team.yaml"
    agents = top.pop("agents", {"root": {}})
    path.write_text(json.dumps({"agents": {n: {"model": "demo/demo", **a} for n, a in agents.items()}, **top}))
    loaded = cast("dict[str, ModelAgent]", load_docker_agent(path, Settings(), {}).agents)
    members: dict[str, ModelAgent] = {}
    for name, agent in loaded.items():
        members[name] = replace(agent, toolsets=(*agent.toolsets, *TOOLSETS), team=members)
    return members


def results(agent: ModelAgent, *calls: ToolCallDelta, **config: Any) -> list[str]:
    """What the agent's model reads when it makes these calls; those of sub-agents come before their lead's."""
    settings = Settings.from_mapping({f"AGENT_API_{name.upper()}": value for name, value in config.items()}, {})
    agent = replace(agent, model=ScriptedModel(list(calls), "done"))
    batches = Run(agent, RunRequest([{"role": "user", "content": "go"}]), RunContext(settings)).start().batches()
    return [event.result.content for batch in batches for event in batch if isinstance(event, ToolFinished)]


READ = tool_call("read_file", path="/a")
WRITE = tool_call("write_file", path="/a")
LS = tool_call("shell", cmd="ls")
DENY_ALL = {"deny": ["*"]}


def test_without_rules_everything_runs_that_needs_no_grant(tmp_path: Path) -> None:
    read, write, shell_result = results(team(tmp_path)["root"], READ, WRITE, LS)
    assert (read, write) == ("read /a", "wrote /a")
    assert "AGENT_API_ALLOW=shell" in shell_result


def test_a_file_denies_by_name_glob_and_argument(tmp_path: Path) -> None:
    root = team(tmp_path, permissions={"deny": ["Write_*", "read_file:path=/etc/*"]})["root"]
    got = results(root, READ, WRITE, tool_call("read_file", path="/etc/a/b"))
    assert got == [
        "read /a",
        "Error: The tool write_file is not allowed here.",
        "Error: The tool read_file is not allowed here.",
    ]


@pytest.mark.parametrize("rule", ["mcp:github:*", "mcp:github:delete_*", "mcp:github:github_delete_repo", "github_*"])
def test_a_rule_knows_tools_by_their_toolset(tmp_path: Path, rule: str) -> None:
    (got,) = results(team(tmp_path, permissions={"deny": [rule]})["root"], tool_call("github_delete_repo", cmd="x"))
    assert "not allowed here" in got


def test_deny_comes_before_allow_and_allow_before_ask(tmp_path: Path) -> None:
    rules = {"allow": ["*"], "ask": ["read_file"], "deny": ["write_file"]}
    read, write = results(team(tmp_path, permissions=rules)["root"], READ, WRITE)
    assert read == "read /a"
    assert "not allowed" in write


def test_what_a_file_would_ask_about_is_denied_and_names_the_rule_to_add(tmp_path: Path) -> None:
    root = team(tmp_path, permissions={"ask": ["read_*"]})["root"]
    (got,) = results(root, READ)
    assert "approval that nobody can give here (ask 'read_*')" in got
    assert """AGENT_API_PERMISSIONS={"allow": ["read_file"]}""" in got
    assert results(root, READ, permissions={"allow": ["read_file"]}) == ["read /a"]


@pytest.mark.parametrize("grant", ["", "write"])
def test_a_file_cannot_grant_what_the_operator_does_not_allow(tmp_path: Path, grant: str) -> None:
    root = team(tmp_path, permissions={"allow": ["*", "shell"]}, runtime={"safety": "autonomous"})["root"]
    (got,) = results(root, LS, allow=grant)
    assert "AGENT_API_ALLOW=shell" in got


def test_a_file_cannot_take_back_the_operators_mode_rules_or_denials(tmp_path: Path) -> None:
    agents = {"root": {"safety": "autonomous"}}
    root = team(tmp_path, agents=agents, permissions={"allow": ["*"]}, runtime={"safety": "autonomous"})["root"]
    assert "approval" in results(root, WRITE, safety="restricted")[0]
    assert "approval" in results(root, READ, permissions={"ask": ["read_*"]})[0]
    assert "not allowed" in results(root, READ, permissions={"deny": ["*"], "allow": ["*"]})[0]


def test_the_operators_allow_lifts_modes_but_no_missing_grant(tmp_path: Path) -> None:
    root = team(tmp_path, runtime={"safety": "strict"})["root"]
    allow = {"allow": ["write_file:path=/a", "shell"]}
    got = results(root, WRITE, tool_call("write_file", path="/b"), LS, permissions=allow, safety="restricted")
    assert got[0] == "wrote /a"
    assert "approval" in got[1]
    assert "AGENT_API_ALLOW=shell" in got[2]


@pytest.mark.parametrize(
    ("mode", "reads", "writes"),
    [
        ("strict", False, False),
        ("balanced", True, False),
        ("restricted", True, False),
        ("autonomous", True, True),
    ],
)
@pytest.mark.parametrize("where", ["agent", "runtime", "setting"])
def test_safety_modes(tmp_path: Path, where: str, mode: str, reads: bool, writes: bool) -> None:
    agents = {"root": {"safety": mode} if where == "agent" else {}}
    root = team(tmp_path, agents=agents, runtime={"safety": mode} if where == "runtime" else {})["root"]
    read, write = results(root, READ, WRITE, **({"safety": mode} if where == "setting" else {}))
    assert (read == "read /a", write == "wrote /a") == (reads, writes)


def test_an_allow_of_the_file_lifts_the_files_own_mode(tmp_path: Path) -> None:
    root = team(tmp_path, permissions={"allow": ["write_*"]}, runtime={"safety": "strict"})["root"]
    read, write = results(root, READ, WRITE)
    assert "approval" in read
    assert write == "wrote /a"


def test_an_agents_own_mode_comes_before_that_of_the_file(tmp_path: Path) -> None:
    agents = {"root": {"safety": "autonomous"}, "other": {}}
    members = team(tmp_path, agents=agents, runtime={"safety": "restricted"})
    assert results(members["root"], WRITE) == ["wrote /a"]
    assert results(members["other"], WRITE) != ["wrote /a"]


def transfer(agent: str) -> ToolCallDelta:
    return tool_call("transfer_task", agent=agent, task="write", expected_output="x")


def with_child(folder: Path, root: dict[str, Any], child: dict[str, Any], **top: Any) -> ModelAgent:
    """A root whose sub-agent ``writer`` tries to write."""
    members = team(folder, agents={"root": {"sub_agents": ["writer"], **root}, "writer": child}, **top)
    members["writer"] = replace(members["writer"], model=ScriptedModel([WRITE], "done"))
    return replace(members["root"], team=members)


def test_a_sub_agent_may_do_no_more_than_who_delegates_to_it(tmp_path: Path) -> None:
    root = with_child(tmp_path, {"safety": "restricted"}, {"safety": "autonomous"})
    inner, outer = results(root, transfer("writer"))
    assert "approval that nobody can give here (safety restricted)" in inner
    assert outer == "done"


def test_a_sub_agent_may_do_less_and_that_changes_nothing_for_its_lead(tmp_path: Path) -> None:
    root = with_child(tmp_path, {}, {"safety": "restricted"})
    root = replace(root, model=ScriptedModel([transfer("writer")], [WRITE], "done"))
    batches = Run(root, RunRequest([{"role": "user", "content": "go"}]), RunContext(Settings())).start().batches()
    got = [event.result.content for batch in batches for event in batch if isinstance(event, ToolFinished)]
    assert "approval" in got[0]
    assert got[1:] == ["done", "wrote /a"]


def test_the_files_rules_hold_for_every_agent_in_it(tmp_path: Path) -> None:
    root = with_child(tmp_path, {}, {}, permissions={"deny": ["write_*"]})
    assert "not allowed" in results(root, transfer("writer"))[0]


def test_delegation_itself_can_be_denied_by_its_argument(tmp_path: Path) -> None:
    root = with_child(tmp_path, {}, {}, permissions={"deny": ["transfer_task:agent=writer"]})
    assert results(root, transfer("writer")) == ["Error: The tool transfer_task is not allowed here."]


def test_a_denied_tool_is_still_offered(tmp_path: Path) -> None:
    model = ScriptedModel("done")
    root = replace(team(tmp_path, permissions=DENY_ALL)["root"], model=model)
    list(Run(root, RunRequest([{"role": "user", "content": "go"}]), RunContext(Settings())).start().batches())
    names = [tool["function"]["name"] for tool in model.requests[0].tools]
    assert names == ["read_file", "write_file", "shell", "github_delete_repo"]


def test_the_log_names_the_rule_that_denied(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "flask_agent_api.audit")
    root = team(tmp_path, permissions={"deny": ["write_*"]}, runtime={"safety": "strict"})["root"]
    results(root, WRITE, READ)
    assert [message.partition(" tool=")[2] for message in caplog.messages if message.startswith("tool call")] == [
        "'write_file' denied: permissions deny 'write_*'",
        "'read_file' denied: safety strict",
    ]


@pytest.mark.parametrize(
    ("top", "problem"),
    [
        ({"permissions": {"deny": [""]}}, "permissions.deny: the rule '' names no tool"),
        ({"permissions": {"denied": []}}, "permissions.denied: unknown field; there are allow, ask, deny"),
        ({"permissions": {"deny": "x"}}, "permissions.deny: expected a list of texts"),
        ({"runtime": {"safety": "yolo"}}, "runtime.safety: expected one of strict, balanced, restricted, autonomous"),
        ({"agents": {"root": {"safety": "none"}}}, "agents.root.safety: expected one of"),
    ],
)
def test_wrong_rules_name_their_place(tmp_path: Path, top: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        team(tmp_path, **top)
    assert problem in str(error.value)


def test_a_team_that_strangers_can_talk_into_leaking_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TRAITS, "mcp", Traits(True, True, True))
    path = tmp_path / "team.yaml"
    agents = {"root": {"model": "demo/demo", "toolsets": [{"type": "mcp", "remote": {"url": "https://example.com"}}]}}
    path.write_text(json.dumps({"agents": agents}))
    (warning,) = load_docker_agent(path, Settings(), {}).warnings
    assert warning.startswith("agents.root: its tools")
