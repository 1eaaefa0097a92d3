"""Toolsets of docker-agent files that make requests: what of a file they take, and what they object to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent import web as docker_agent_web
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings

TEAM = "agents:\n  root:\n    model: demo/demo\n    toolsets:\n      - {}\n"


def load(folder: Path, toolset: str, environ: dict[str, str] | None = None, **settings: Any) -> ModelAgent:
    (folder / "team.yaml").write_text(TEAM.format(toolset))
    agent = load_docker_agent(folder / "team.yaml", Settings(**settings), environ or {}).agents["root"]
    assert isinstance(agent, ModelAgent)
    return agent


def test_a_fetch_toolset_has_its_tool(tmp_path: Path) -> None:
    agent = load(
        tmp_path, "{type: fetch, timeout: 5, allowed_domains: [a.org], headers: {X-A: '${env.A}'}}", {"A": "b"}
    )
    assert [tool.name for tool in agent.toolsets[0].tools(RunContext(Settings()))] == ["fetch"]
    assert not agent.warnings


@pytest.mark.parametrize(
    ("toolset", "problem"),
    [
        ("{type: fetch, allowed_domains: [a], blocked_domains: [b]}", "either `allowed_domains` or `blocked_domains`"),
        ("{type: fetch, allowed_domains: [a, 'b*']}", "item 2: expected a domain"),
        ("{type: fetch, headers: {'X Y': a}}", "no header can have this name"),
        ("{type: api, api_config: {name: a, endpoint: 'https://a.org', method: FETCH}}", "expected one of GET, POST"),
        ("{type: api, api_config: {name: a, endpoint: 'https://a.org', args: {x: 1}}}", "args.x: expected a mapping"),
        ("{type: api, api_config: {name: a, endpont: 'https://a.org'}}", 'did you mean "endpoint"'),
        ("{type: fetch, url: 'http://a.org'}", 'not a field of "fetch" toolsets'),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, toolset: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=r"team\.yaml:5") as error:
        load(tmp_path, toolset)
    assert problem in error.value.message


@pytest.mark.parametrize(
    ("toolset", "warning"),
    [
        ("{type: fetch, headers: {X-Key: a}}", "every host that the model chooses gets them"),
        ("{type: fetch, headers: {Host: a}}", "has no effect"),
        ("{type: fetch, headers: {X-Key: '${env.NOT_SET}'}}", "NOT_SET is not set"),
        ("{type: fetch, headers: {X-Key: '${headers.X-Key}'}}", "${headers.X-Key} is not supported here"),
    ],
)
def test_what_may_surprise_is_a_warning(tmp_path: Path, toolset: str, warning: str) -> None:
    assert any(warning in text for text in load(tmp_path, toolset).warnings)


def test_api_and_openapi_toolsets_are_made_without_a_request(tmp_path: Path) -> None:
    config = (
        "{name: get it, endpoint: 'https://${env.HOST}/${x}', method: post, args: {x: {type: string}}, required: [x]}"
    )
    agent = load(tmp_path, f"{{type: api, timeout: 3, api_config: {config}}}", {"HOST": "a.org"})
    (tool,) = agent.toolsets[0].tools(RunContext(Settings()))
    assert (tool.name, tool.read_only, tool.parameters["required"]) == ("get_it", False, ["x"])
    described = load(tmp_path, "{type: openapi, url: 'https://a.org/openapi.json', headers: {X: '${headers.X-User}'}}")
    assert described.toolsets[0].name == "a.org"
    assert any("AGENT_API_FORWARD_HEADERS does not name x-user" in text for text in described.warnings)


@pytest.mark.parametrize(
    ("toolset", "warning"),
    [
        (
            "{type: api, api_config: {name: a, endpoint: 'https://${host}/'}}",
            "scheme, host and port must be written out",
        ),
        ("{type: api, api_config: {name: a, endpoint: 'https://a.org/${env.NOT_SET}'}}", "NOT_SET is not set"),
        ("{type: api, api_config: {name: a, endpoint: 'https://a.org/${x.y}'}}", "${x.y} is not supported here"),
        ("{type: api, api_config: {name: a}}", "api_config: it needs a `name` and an `endpoint`"),
        ("{type: openapi}", "it needs a `url`"),
        ("{type: openapi, url: 'ftp://a.org/x'}", "only HTTP and HTTPS URLs are supported"),
        ("{type: openapi, url: 'https://${env.NOT_SET}/x'}", "NOT_SET is not set"),
    ],
)
def test_what_cannot_be_asked_is_left_out_with_a_warning(tmp_path: Path, toolset: str, warning: str) -> None:
    agent = load(tmp_path, toolset)
    assert any(warning in text for text in agent.warnings)
    with pytest.raises(ToolError, match="cannot be used"):
        agent.toolsets[0].tools(RunContext(Settings()))


def test_without_the_extra_the_agent_runs_without_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_agent_web, "has_fetch", lambda: False)
    agent = load(tmp_path, "{type: fetch}")
    assert any("pip install 'flask-agent-api[fetch]'" in text for text in agent.warnings)
    with pytest.raises(ToolError, match="pip install"):
        agent.toolsets[0].tools(RunContext(Settings()))
