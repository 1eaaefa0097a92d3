"""Agents that call each of their tools once: one of each toolset, and with ``--corpus`` those of public teams."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flask_agent_api.formats.docker_agent.toolset_fields import SUPPORTED
from flask_agent_api.formats.yaml_loader import load_yaml
from tests.every_tool.calls import Call
from tests.every_tool.calls import sensible_calls
from tests.every_tool.corpus import copied
from tests.every_tool.corpus import write_documents
from tests.every_tool.model import Calls
from tests.every_tool.model import QUESTION
from tests.every_tool.model import ThoroughModel
from tests.every_tool.place import environment
from tests.every_tool.place import mcp_servers
from tests.every_tool.web import Web
from tests.support import RawClient
from tests.support import Server

pytestmark = pytest.mark.slow

pytest.importorskip("mcp")

TEAM = Path(__file__).parent.parent / "data" / "toolsets" / "team.yaml"
APP = "flask_agent_api.wsgi:app"

FAILING = {("demo", "root", "book_table"): "Error: Elicitation not supported\n"}
"""Tools of public teams whose call fails, and how: a server cannot ask a user who has already asked and waits."""


@dataclass
class Services:
    """What the agents of a test need: the model that calls their tools, a website, MCP servers."""

    web: Web
    sensible: dict[str, Call]
    model: ThoroughModel
    mcp: str

    def ask(self, server: Server, agent: str) -> Calls:
        """Has an agent call each of its tools."""
        self.model.reset()
        with RawClient(server.port, 120) as client:
            client.post(model=agent, messages=[{"role": "user", "content": QUESTION}])
            answer = json.load(client.response())
        assert "choices" in answer, (agent, answer)
        return self.model.calls

    def failures(self, calls: Calls) -> dict[str, str]:
        """The tools whose call gave an error, or not what it should; those that were not called."""
        problems = {}
        for name in calls.offered:
            result = calls.results.get(name, "Error: not called")
            if result.startswith("Error") or self._expected(name) not in result:
                problems[name] = result
        return problems

    def _expected(self, name: str) -> str:
        return self.sensible[name].expected if name in self.sensible else " has "


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with Web() as web:
        sensible = sensible_calls(web.url)
        with ThoroughModel(sensible) as model, mcp_servers() as mcp:
            yield Services(web, sensible, model, mcp)


def agent_names(file: Path) -> list[str]:
    return list(load_yaml(file).data["agents"])


def test_every_tool_of_every_toolset(tmp_path: Path, services: Services) -> None:
    entries = [entry for agent in load_yaml(TEAM).data["agents"].values() for entry in agent.get("toolsets") or []]
    assert {entry["type"] for entry in entries} == set(SUPPORTED)
    env = environment(tmp_path, services.model.url, services.web.url, services.mcp)
    failures = {}
    with Server(tmp_path, {}, app=APP, env={**env, "FLASK_AGENT_API_AGENTS": str(TEAM)}) as server:
        for name in agent_names(TEAM):
            calls = services.ask(server, name)
            print(name, len(calls.offered), *calls.offered)
            failures |= {(name, tool): text for tool, text in services.failures(calls).items()}
    assert failures == {}, "\n".join(f"{where}: {text}" for where, text in failures.items())


def test_every_tool_of_every_public_example(request: pytest.FixtureRequest, tmp_path: Path, services: Services) -> None:
    corpus: Path | None = request.config.getoption("--corpus")
    if corpus is None:
        pytest.skip("no --corpus given")
    env = environment(tmp_path, services.model.url, services.web.url, services.mcp)
    examples = tmp_path / "work" / "examples"
    files = copied(corpus / "docker-agent" / "examples", examples, services.web.url, services.mcp)
    write_documents(examples)
    sources = ",".join(str(file) for file in files)
    failures, counts = {}, Counter()
    with Server(tmp_path, {}, app=APP, env={**env, "FLASK_AGENT_API_AGENTS": sources}) as server:
        for file in files:
            own: Counter[str] = Counter(files=1)
            for name in agent_names(file):
                calls = services.ask(server, file.stem if name == "root" else f"{file.stem}/{name}")
                failed = services.failures(calls)
                failures |= {(file.stem, name, tool): text for tool, text in failed.items()}
                own += Counter(agents=1, offered=len(calls.offered), called=len(calls.results), failed=len(failed))
            print(f"{file.relative_to(examples)}: {dict(own)}")
            counts += own
    print(f"all: {dict(counts)}")
    assert failures == FAILING
    assert dict(counts) == {"files": 54, "agents": 83, "offered": 549, "called": 549, "failed": len(FAILING)}
