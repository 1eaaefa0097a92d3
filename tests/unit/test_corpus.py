"""Every public example team loads. Run with ``--corpus PATH``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from flask_agent_api.formats.docker_agent.fields import AGENT
from flask_agent_api.formats.docker_agent.fields import TOP
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.docker_agent.model_fields import FALLBACK
from flask_agent_api.formats.docker_agent.model_fields import MODEL
from flask_agent_api.formats.docker_agent.model_fields import PROVIDER
from flask_agent_api.formats.docker_agent.model_fields import ROUTE
from flask_agent_api.formats.docker_agent.schema import docker_agent_schema
from flask_agent_api.formats.docker_agent.toolset_fields import LATER
from flask_agent_api.formats.docker_agent.toolset_fields import owners
from flask_agent_api.formats.docker_agent.toolset_fields import SUPPORTED
from flask_agent_api.formats.section import Fields
from flask_agent_api.formats.yaml_loader import load_yaml
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings


@pytest.fixture
def corpus(request: pytest.FixtureRequest) -> Path:
    path: Path | None = request.config.getoption("--corpus")
    if path is None:
        pytest.skip("no --corpus given")
    return path


def test_all_examples_load(corpus: Path) -> None:
    files = sorted((corpus / "docker-agent" / "examples").rglob("*.yaml"))
    assert len(files) == 54
    for file in files:
        team = load_docker_agent(file, Settings(), {})
        assert team.default == "root"
        for agent in team.agents.values():
            assert isinstance(agent, ModelAgent)
            assert agent.model.name
        warnings = [*team.warnings, *(text for agent in team.agents.values() for text in agent.warnings)]  # type: ignore[attr-defined]
        assert all(str(file) in text or text.endswith("(docs/safety.md)") for text in warnings)
        assert not any("unknown" in text for text in warnings), warnings


@pytest.mark.parametrize(
    ("definition", "fields"),
    [
        (None, TOP),
        ("AgentConfig", AGENT),
        ("ModelConfig", MODEL),
        ("ProviderConfig", PROVIDER),
        ("RoutingRule", ROUTE),
        ("FallbackConfig", FALLBACK),
    ],
)
def test_every_field_of_the_schema_is_known(corpus: Path, definition: str | None, fields: Fields) -> None:
    schema = json.loads((corpus / "docker-agent" / "agent-schema-v7.json").read_text())
    part = schema["definitions"][definition] if definition else schema
    assert set(part["properties"]) <= set(fields)


def test_every_toolset_of_the_schema_is_known(corpus: Path) -> None:
    schema = json.loads((corpus / "docker-agent" / "agent-schema-v7.json").read_text())
    toolset = schema["definitions"]["Toolset"]["properties"]
    assert set(toolset["type"]["enum"]) <= {*SUPPORTED, *LATER}
    assert [name for name in toolset if not owners(name)] == []


def test_the_schema_for_editors_allows_all_examples(corpus: Path) -> None:
    validator = Draft202012Validator(docker_agent_schema())
    for file in sorted((corpus / "docker-agent" / "examples").rglob("*.yaml")):
        assert [error.message for error in validator.iter_errors(load_yaml(file).data)] == [], file
