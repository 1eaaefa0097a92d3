"""Whole teams, driven through every agent, task, handoff and command: our own, and with ``--corpus`` public ones."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api import create_app
from flask_agent_api.formats.docker_agent import mcp as docker_agent_mcp
from flask_agent_api.formats.docker_agent.fields import AGENT
from flask_agent_api.formats.docker_agent.toolset_fields import SUPPORTED
from flask_agent_api.formats.yaml_loader import load_yaml
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.tools.mcp.toolset import MCPServerConfig
from flask_agent_api.tools.mcp.toolset import MCPToolset
from tests.drive import Ask
from tests.drive import Drive
from tests.every_tool.corpus import copied
from tests.every_tool.place import environment
from tests.every_tool.place import mcp_servers
from tests.every_tool.web import Web
from tests.support import RawClient
from tests.support import Server

DATA = Path(__file__).parent.parent / "data"
TEAMS = sorted((DATA / "teams").glob("*.yaml"))

MCP_SERVER = {"command": sys.executable, "args": [str(DATA / "mcp_fake_server.py")]}

COMPLETE = """
42 airbnb apify background_agents blog code couchbase_agent custom_provider deferred dhi/dhi dmr
doc_generator echo-agent elicitation/demo fetch_docker filesystem finance github-toon
github_issue_manager gopher haiku image_text_extractor mcp-definitions mcp-toolkit mcp_generator
mistral model_picker modernize-go-tests nebius notion-expert openapi-petstore
podcastgenerator_githubmodel pr-reviewer-bedrock professional/professional_writing_agent pythonista
rag/bm25 rag/hybrid rag/reranking rag/semantic_embeddings rag rule_based_routing sandbox_agent
script_shell search shared-todo silvia structured-output sub-agents-from-catalog thinking_budget
tic-tac-toe-mcp todo toolset_instructions welcome_message writer
"""
"""The public examples all of whose toolsets exist here; the others are driven without some of theirs."""


def question(model: str, text: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}]}


def in_process(file: Path, upstream: FakeUpstream) -> Ask:
    """An app of this process that serves a team alone."""
    app = create_app(
        {
            "AGENT_API_AGENTS": [str(file)],
            "AGENT_API_GATEWAY": upstream.url,
            "AGENT_API_ALLOW": "shell",
            "AGENT_API_MCP_SERVERS": dict.fromkeys(catalogue_references(file), MCP_SERVER),
        }
    )
    client = app.test_client()

    def ask(name: str, text: str) -> dict[str, Any]:
        return client.post("/v1/chat/completions", json=question(name, text)).get_json()  # type: ignore[no-any-return]

    return ask


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAVE_API_KEY", "of a server that the examples name")
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "MISTRAL_API_KEY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("file", TEAMS, ids=lambda file: file.stem)
def test_every_agent_of_a_team_answers(file: Path, upstream: FakeUpstream, no_keys: None) -> None:
    upstream.reset()
    assert Drive(file, in_process(file, upstream), upstream).everything()["answers"] >= 1


@pytest.mark.slow
def test_teams_side_by_side_under_gunicorn(tmp_path: Path, upstream: FakeUpstream) -> None:
    upstream.reset()
    env = {"FLASK_AGENT_API_AGENTS": str(DATA / "teams"), "FLASK_AGENT_API_GATEWAY": upstream.url}
    counts: Counter[str] = Counter()
    with Server(tmp_path, {}, app="flask_agent_api.wsgi:app", env=env) as server, RawClient(server.port) as client:
        for file in TEAMS:
            counts += Drive(file, over_http(client, file), upstream).everything()
    assert (counts["agents"], counts["tasks"], counts["handoffs"], counts["commands"]) == (24, 6, 3, 7)
    assert (counts["fallbacks"], counts["routes"]) == (1, 2)


def test_every_public_example_answers(
    request: pytest.FixtureRequest, upstream: FakeUpstream, no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus: Path | None = request.config.getoption("--corpus")
    if corpus is None:
        pytest.skip("no --corpus given")
    upstream.reset()
    monkeypatch.setattr(docker_agent_mcp, "MCPToolset", local_server)
    examples = corpus / "docker-agent" / "examples"
    files = sorted(examples.rglob("*.yaml"))
    counts: Counter[str] = Counter()
    for file in files:
        counts += Drive(file, in_process(file, upstream), upstream).everything()
    complete = [str(file.relative_to(examples).with_suffix("")) for file in files if has_all_toolsets(file)]
    print(f"\n{len(files)} files, {len(complete)} with all their toolsets: {dict(counts)}")
    assert complete == COMPLETE.split()
    assert (len(files), counts["agents"], counts["calls"], counts["tasks"], counts["commands"]) == (54, 83, 13, 26, 11)


@pytest.mark.slow
def test_every_public_example_answers_under_gunicorn(
    request: pytest.FixtureRequest, tmp_path: Path, upstream: FakeUpstream
) -> None:
    corpus: Path | None = request.config.getoption("--corpus")
    if corpus is None:
        pytest.skip("no --corpus given")
    upstream.reset()
    examples = corpus / "docker-agent" / "examples"
    references = {reference for file in examples.rglob("*.yaml") for reference in catalogue_references(file)}
    with Web() as web, mcp_servers() as mcp:
        env = dict(environment(tmp_path, upstream.url.removesuffix("/v1"), web.url, mcp))
        files = copied(examples, tmp_path / "work" / "examples", web.url, mcp)
        env["FLASK_AGENT_API_MCP_SERVERS"] = json.dumps(dict.fromkeys(references, MCP_SERVER))
        env["FLASK_AGENT_API_AGENTS"] = ",".join(map(str, files))
        counts: Counter[str] = Counter()
        app = "flask_agent_api.wsgi:app"
        with Server(tmp_path, {}, app=app, env=env) as server, RawClient(server.port, 60) as client:
            for file in files:
                counts += Drive(file, over_http(client, file), upstream).everything()
    assert (len(files), counts["agents"], counts["calls"], counts["tasks"], counts["commands"]) == (54, 83, 13, 26, 11)


def over_http(client: RawClient, file: Path) -> Ask:
    """Asks a server that serves a team among others."""

    def ask(name: str, text: str) -> dict[str, Any]:
        client.post(**question(file.stem if name == "root" else f"{file.stem}/{name}", text))
        return json.load(client.response())  # type: ignore[no-any-return]

    return ask


def local_server(config: MCPServerConfig, *more: Any) -> MCPToolset:
    """In the place of an MCP server that would have to be installed or reached: one of the tests."""
    command = {"command": sys.executable, "args": tuple(MCP_SERVER["args"]), "url": None, "cwd": None}
    return MCPToolset(replace(config, transport="stdio", **command), *more)  # type: ignore[arg-type]


def has_all_toolsets(file: Path) -> bool:
    """Whether tools exist here for every toolset that a file names."""
    data = load_yaml(file).data
    if any(agent.get("rag") for agent in data["agents"].values()) and "rag" not in AGENT.supported:
        return False  # a toolset by another name, up to version 7 of the format
    entries = [entry for agent in data["agents"].values() for entry in agent.get("toolsets") or []]
    return all(entry["type"] in SUPPORTED for entry in entries)


def catalogue_references(file: Path) -> set[str]:
    """The servers of Docker's catalogue that a file names: the tests have one of their own in the place of each."""
    data = load_yaml(file).data
    entries = [entry for agent in data["agents"].values() for entry in agent.get("toolsets") or []]
    references = {str(entry.get("ref", "")) for entry in [*entries, *(data.get("mcps") or {}).values()]}
    return {reference for reference in references if reference.startswith("docker:")}
