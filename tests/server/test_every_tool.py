"""Agents that call each of their tools once: one of each toolset, and with ``--corpus`` those of public teams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import pytest

from flask_agent_api.formats.docker_agent.toolset_fields import SUPPORTED
from flask_agent_api.formats.yaml_loader import load_yaml
from tests.every_tool.calls import Call
from tests.every_tool.calls import sensible_calls
from tests.every_tool.corpus import copied
from tests.every_tool.corpus import write_documents
from tests.every_tool.model import Calls
from tests.every_tool.model import ThoroughModel
from tests.every_tool.place import environment
from tests.every_tool.place import mcp_servers
from tests.every_tool.web import Web
from tests.support import Server

pytestmark = [pytest.mark.slow, pytest.mark.wire]

pytest.importorskip("mcp")

TEAM = Path(__file__).parent.parent / "data" / "toolsets" / "team.yaml"
APP = "flask_agent_api.wsgi:app"

FAILING = {("demo", "book_table"): "Error: Elicitation not supported"}
"""Tools of public teams whose call fails, and how: a server cannot ask a user who has already asked and waits."""

ONLY_PUBLIC = {"get_ip", "github_user_repos", "mcp-list", "knowledge_base", "codebase"}
"""Tools that the files of public teams define."""


@dataclass
class Services:
    """What the agents of a test need: the model that calls their tools, a website, MCP servers."""

    web: Web
    sensible: dict[str, Call]
    model: ThoroughModel
    mcp: str

    def failures(self, calls: Calls) -> dict[str, str]:
        """The tools that failed; those of MCP servers say that they have what was asked for."""
        return calls.failures(self.sensible, " has ")


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with Web() as web:
        sensible = sensible_calls(web.url)
        with ThoroughModel(sensible) as model, mcp_servers() as mcp:
            yield Services(web, sensible, model, mcp)


def agent_names(file: Path) -> list[str]:
    return list(load_yaml(file).data["agents"])


@dataclass
class Report:
    """What was called, for people to read and for the test."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, agent: str, calls: Calls, failures: dict[str, str]) -> None:
        """Takes what came of one agent."""
        self.counts.update(agents=1, offered=len(calls.offered), called=len(calls.results), failed=len(failures))
        self.failures |= {(agent, tool): text for tool, text in failures.items()}


def test_every_tool_of_every_toolset(tmp_path: Path, services: Services) -> None:
    entries = [entry for agent in load_yaml(TEAM).data["agents"].values() for entry in agent.get("toolsets") or []]
    assert {entry["type"] for entry in entries} == set(SUPPORTED)
    env = environment(tmp_path, services.model.url, services.web.url, services.mcp)
    report, called = Report(), set[str]()
    with Server(tmp_path, {}, app=APP, env={**env, "FLASK_AGENT_API_AGENTS": str(TEAM)}) as server:
        for name in agent_names(TEAM):
            calls = services.model.ask(server, name)
            report.add(name, calls, services.failures(calls))
            called |= calls.results.keys()
    assert report.failures == {}
    assert services.sensible.keys() - called == ONLY_PUBLIC


def test_every_tool_of_every_public_example(
    request: pytest.FixtureRequest, tmp_path: Path, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus: Path | None = request.config.getoption("--corpus")
    if corpus is None:
        pytest.skip("no --corpus given")
    env = environment(tmp_path, services.model.url, services.web.url, services.mcp)
    examples = tmp_path / "work" / "examples"
    files = copied(corpus / "docker-agent" / "examples", examples, services.web.url, services.mcp)
    write_documents(examples)
    sources = ",".join(str(file) for file in files)
    reports = {file: Report() for file in files}
    with Server(tmp_path, {}, app=APP, env={**env, "FLASK_AGENT_API_AGENTS": sources}) as server:
        for file, report in reports.items():
            for name in agent_names(file):
                agent = file.stem if name == "root" else f"{file.stem}/{name}"
                calls = services.model.ask(server, agent)
                report.add(agent, calls, services.failures(calls))
    with capsys.disabled():
        for file, report in reports.items():
            print(f"{file.relative_to(examples)}: {dict(report.counts)}", *report.failures.items())
    assert {where: text for report in reports.values() for where, text in report.failures.items()} == FAILING
    counts = sum((report.counts for report in reports.values()), Counter())
    assert (len(files), dict(counts)) == (54, {"agents": 83, "offered": 549, "called": 549, "failed": len(FAILING)})
