"""The JSON Schema says of a file what the loader says of its shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent.docs import TOOLSET_FIELDS
from flask_agent_api.formats.docker_agent.docs import TOOLSET_TYPES
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.docker_agent.parts import PARTS
from flask_agent_api.formats.docker_agent.parts import TOOLSETS
from flask_agent_api.formats.docker_agent.schema import docker_agent_schema
from flask_agent_api.formats.yaml_loader import parse_yaml
from flask_agent_api.settings import Settings

VALIDATOR = Draft202012Validator(docker_agent_schema())
TEAMS = Path(__file__).parent.parent / "data" / "docker_agent"

WRONG = {
    "no agents": "models: {m: {provider: openai, model: gpt-5}}",
    "agents is empty": "agents: {}",
    "agents is a list": "agents: [root]",
    "an agent is text": "agents: {root: hello}",
    "a misspelt field at the top": "agents: {root: {model: demo/demo}}\nmodel: {}",
    "a misspelt field of an agent": "agents: {root: {model: demo/demo, instructon: Be.}}",
    "an instruction that is a mapping": "agents: {root: {model: demo/demo, instruction: {a: b}}}",
    "a negative count": "agents: {root: {model: demo/demo, max_iterations: -1}}",
    "a switch that is text": 'agents: {root: {model: demo/demo, add_date: "yes"}}',
    "a list of mappings for texts": "agents: {root: {model: demo/demo, sub_agents: [{name: x}]}}",
    "commands that are text": "agents: {root: {model: demo/demo, commands: hello}}",
    "a command that is a number": "agents: {root: {model: demo/demo, commands: {fix: 1}}}",
    "toolsets that are a mapping": "agents: {root: {model: demo/demo, toolsets: {type: todo}}}",
    "a toolset without a type": "agents: {root: {model: demo/demo, toolsets: [{shared: true}]}}",
    "a misspelt type of toolset": "agents: {root: {model: demo/demo, toolsets: [{type: todos}]}}",
    "a field of another toolset": "agents: {root: {model: demo/demo, toolsets: [{type: todo, command: ls}]}}",
    "a misspelt field of a toolset": "agents: {root: {model: demo/demo, toolsets: [{type: todo, instructions: x}]}}",
    "args that are text": "agents: {root: {model: demo/demo, toolsets: [{type: mcp, command: x, args: -v}]}}",
    "a remote without a mapping": "agents: {root: {model: demo/demo, toolsets: [{type: mcp, remote: http://x}]}}",
    "a temperature that is too high": "agents: {root: {model: m}}\nmodels: {m: {provider: demo, temperature: 3}}",
    "a misspelt field of a model": "agents: {root: {model: m}}\nmodels: {m: {provider: demo, modle: d}}",
    "an unknown kind of API": "agents: {root: {model: p/m}}\nproviders: {p: {base_url: http://x, api_type: soap}}",
    "permissions that are a list": "agents: {root: {model: demo/demo}}\npermissions: [shell]",
}


def problems(data: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in VALIDATOR.iter_errors(data)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(docker_agent_schema())


@pytest.mark.parametrize("file", sorted(TEAMS.rglob("*.yaml")), ids=lambda file: file.name)
def test_it_allows_what_loads(file: Path) -> None:
    load_docker_agent(file, Settings(), {})
    assert problems(parse_yaml(file.read_text(), file).data) == []


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_it_refuses_what_the_loader_refuses(text: str, tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError):
        load_docker_agent(file, Settings(), {})
    assert problems(parse_yaml(text, file).data)


def test_it_allows_every_field_to_be_empty() -> None:
    agent: dict[str, Any] = dict.fromkeys(PARTS["agent"].fields)
    assert problems({"agents": {"root": agent}, "models": {"m": None}, "metadata": None}) == []


def test_every_field_has_a_description() -> None:
    """A field without one gets a line in formats/docker_agent/docs.py."""
    for name, part in PARTS.items():
        assert set(part.fields) - part.docs.keys() == set(), name
    assert {name for fields in TOOLSETS.values() for name in fields} - TOOLSET_FIELDS.keys() == set()
    assert TOOLSETS.keys() - TOOLSET_TYPES.keys() == set()
