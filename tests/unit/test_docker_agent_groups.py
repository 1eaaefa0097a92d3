"""Toolsets at the top of a docker-agent file, which its agents use by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings

TEAM = """
agents:
  root: {model: demo/demo, toolsets: [{type: think}], use_toolsets: [plans, both]}
  other: {model: demo/demo, use_toolsets: [plans]}
toolsets:
  plans: {type: todo, shared: true}
  both: [{type: mcp, command: files-server}, {type: telepathy}]
"""


def load(folder: Path, text: str) -> list[ModelAgent]:
    (folder / "team.yaml").write_text(text)
    agents = load_docker_agent(folder / "team.yaml", Settings(), {}).agents.values()
    return [agent for agent in agents if isinstance(agent, ModelAgent)]


def test_groups_come_behind_the_agents_own_toolsets(tmp_path: Path) -> None:
    root, other = load(tmp_path, TEAM)
    assert [toolset.kind for toolset in root.toolsets] == ["think", "todo", "mcp"]
    assert [toolset.name for toolset in other.toolsets] == ["todo"]


def test_warnings_are_of_the_agents_that_use_the_group(tmp_path: Path) -> None:
    root, other = load(tmp_path, TEAM)
    assert "team.yaml:7: toolsets.both[1].type: unknown type" in root.warnings[0]
    assert other.warnings == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "[plans, both]",
            "[plan]",
            'agents.root.use_toolsets: `toolsets` at the top of the file has no "plan", did you',
        ),
        ("[plans, both]", "plans", "agents.root.use_toolsets: expected a list of texts, found text"),
        ("shared: true", "shard: true", 'toolsets.plans.shard: unknown field, did you mean "shared"?'),
        ("{type: todo, shared: true}", "todo", "toolsets.plans: expected a mapping, found text"),
        ("{type: telepathy}", "telepathy", "toolsets.both[1]: expected a mapping, found text"),
    ],
)
def test_mistakes_are_errors_with_their_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, TEAM.replace(old, new))
    assert message in caught.value.message
