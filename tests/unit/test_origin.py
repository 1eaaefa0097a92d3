from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from typing import cast

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ModelUnavailable
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.origin import fetched_from
from flask_agent_api.formats.tiny_agents.loader import load_tiny_agent
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.mcp.toolset import MCPToolset
from flask_agent_api.tools.unavailable import UnavailableToolset

ENVIRON = {"OPENAI_API_KEY": "sk-own", "API_KEY": "sk-any", "FLASK_AGENT_API_KEYS": "k" * 20, "HF_TOKEN": "hf_own"}
CLOSED = fetched_from("someone/agent", Settings())
OPEN = fetched_from("someone/agent", Settings(allow=("remote-files",)))


def tiny(folder: Path, origin: Any, **fields: Any) -> ModelAgent:
    (folder / "agent.json").write_text(json.dumps({"model": "m", "provider": "openai", **fields}))
    team = load_tiny_agent(folder, Settings(), ENVIRON, origin)
    return cast(ModelAgent, next(iter(team.agents.values())))


def docker(folder: Path, origin: Any, **top: Any) -> ModelAgent:
    path = folder / "team.yaml"
    path.write_text(json.dumps({"agents": {"root": {"model": "openai/m", **top.pop("root", {})}}, **top}))
    return cast(ModelAgent, load_docker_agent(path, Settings(), ENVIRON, origin).agents["root"])


SERVERS = [
    {"type": "stdio", "command": "touch", "args": ["started"]},
    {"type": "http", "url": "http://127.0.0.1:1/${input:OPENAI_API_KEY}"},
    {"type": "sse", "url": "http://127.0.0.1:1/", "headers": {"X": "${input:OPENAI_API_KEY}"}},
]


def test_servers_of_a_tiny_agent_from_elsewhere_are_not_available(tmp_path: Path) -> None:
    agent = tiny(tmp_path, CLOSED, servers=SERVERS)
    assert len(agent.toolsets) == 3
    for toolset in agent.toolsets:
        with pytest.raises(ToolError, match=r"of someone/agent is not allowed here.*AGENT_API_ALLOW=remote-files"):
            toolset.tools(RunContext(Settings()))
    assert "sk-own" not in repr([vars(toolset) for toolset in agent.toolsets])
    (warning,) = agent.warnings
    assert "servers: This field of someone/agent is not allowed here" in warning


def test_with_remote_files_allowed_they_are_as_the_operators_own(tmp_path: Path) -> None:
    toolsets = tiny(tmp_path, OPEN, servers=SERVERS).toolsets
    assert all(isinstance(toolset, MCPToolset) for toolset in toolsets)


def test_the_key_of_a_tiny_agent_from_elsewhere_goes_to_the_provider_alone(tmp_path: Path) -> None:
    model = tiny(
        tmp_path, CLOSED, provider="x", endpointUrl="http://127.0.0.1:1", apiKey="${input:OPENAI_API_KEY}"
    ).model
    with pytest.raises(ModelUnavailable, match="AGENT_API_ALLOW=remote-files"):
        list(model.stream(ModelRequest([], [], {}, 1.0)))


TOOLSETS = [
    {"type": "think"},
    {"type": "mcp", "command": "touch", "args": ["started"]},
    {"type": "mcp", "remote": {"url": "http://127.0.0.1:1/${env.OPENAI_API_KEY}"}},
    {"type": "python", "tools": ["module_that_fails:tool"]},
]


def test_toolsets_of_a_team_from_elsewhere_are_not_available_and_import_nothing(tmp_path: Path) -> None:
    toolsets = docker(tmp_path, CLOSED, root={"toolsets": TOOLSETS}).toolsets
    assert [type(toolset) is UnavailableToolset for toolset in toolsets] == [False, True, True, True]


def test_a_team_from_elsewhere_reads_no_variable(tmp_path: Path) -> None:
    assert docker(tmp_path, CLOSED, root={"description": "${env.OPENAI_API_KEY}"}).description == ""
    assert docker(tmp_path, OPEN, root={"description": "${env.OPENAI_API_KEY}"}).description == "sk-own"


@pytest.mark.parametrize("kind", ["models", "providers"])
@pytest.mark.parametrize("field", [{"base_url": "http://127.0.0.1:1"}, {"token_key": "OPENAI_API_KEY"}])
def test_a_team_from_elsewhere_does_not_choose_who_gets_keys(tmp_path: Path, kind: str, field: dict[str, str]) -> None:
    entry = {"provider": "openai", **({"model": "m"} if kind == "models" else {"base_url": None}), **field}
    with pytest.raises(ConfigError, match=rf"{kind}\.own\.{next(iter(field))}: This field of someone/agent is not"):
        docker(tmp_path, CLOSED, **{kind: {"own": entry}})
