"""Where agents come from, and the names they get."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.sources import load_sources
from flask_agent_api.runtime.callable_agent import CallableAgent
from flask_agent_api.runtime.registry import AgentRegistry
from flask_agent_api.runtime.team import Team
from flask_agent_api.settings import Settings

TEAM = "agents:\n  helper: {model: demo/demo}\n  root: {model: demo/demo}\n  other: {model: demo/demo}\n"
SINGLE = "agents:\n  only: {model: demo/demo}\n"
TINY = '{"provider": "demo", "model": "demo", "servers": []}'
MODULE = '''
from flask_agent_api.runtime.callable_agent import CallableAgent
from flask_agent_api.runtime.registry import AgentRegistry
from flask_agent_api.runtime.team import Team


def echo(messages):
    """Repeats."""
    return messages[-1]["content"]


def other(request, ctx):
    return "other"


bot = CallableAgent(echo, "bot", "A bot")
several = [bot, other]
team = Team("crew", {"a": bot, "b": CallableAgent(other, "b")}, "b")
registry = AgentRegistry()
registry.add(bot)
registry.add(CallableAgent(other, "second"))
empty = AgentRegistry()
number = 3


class Holder:
    inner = bot
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterable[Path]:
    """The current folder, with the module ``source_bots`` in it; imports are undone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "source_bots.py").write_text(MODULE)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("source_")]:
        del sys.modules[name]


def names(*sources: Any) -> list[str]:
    return [name for name, _ in load_sources(sources, Settings())[0]]


def refusal(*sources: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load_sources(sources, Settings())
    return caught.value.message


def test_one_source_keeps_the_names_and_puts_the_default_first(folder: Path) -> None:
    (folder / "team.yaml").write_text(TEAM)
    agents, teams = load_sources(["team.yaml"], Settings())
    assert [name for name, _ in agents] == ["root", "helper", "other"]
    assert [(team.label, team.default, team.path) for team in teams] == [("team", "root", "team.yaml")]


def test_several_sources_are_told_apart_by_their_stems(folder: Path) -> None:
    (folder / "team.yaml").write_text(TEAM)
    (folder / "solo.yml").write_text(SINGLE)
    assert names("solo.yml", folder / "team.yaml") == ["solo", "team", "team/helper", "team/other"]


def test_a_folder_gives_its_teams_and_its_tiny_agents(folder: Path) -> None:
    agents = folder / "agents"
    (agents / "tiny").mkdir(parents=True)
    (agents / "empty").mkdir()
    (agents / "tiny" / "agent.json").write_text(TINY)
    (agents / "b.yaml").write_text(TEAM)
    (agents / "a.yml").write_text(SINGLE)
    (agents / "compose.yaml").write_text("services: {x: !reset null}\n")
    (agents / "note.txt").write_text("agents: no\n")
    assert names("agents") == ["a", "b", "b/helper", "b/other", "tiny"]


def test_a_folder_with_one_team_is_one_source(folder: Path) -> None:
    (folder / "agents").mkdir()
    (folder / "agents" / "b.yaml").write_text(TEAM)
    assert names("agents") == ["root", "helper", "other"]


def test_a_tiny_agent_is_its_folder_or_its_file(folder: Path) -> None:
    (folder / "greeter").mkdir()
    (folder / "greeter" / "agent.json").write_text(TINY)
    assert names("greeter") == ["greeter"]
    assert names(Path("greeter/agent.json")) == ["greeter"]


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("bot", ["bot"]),
        ("echo", ["echo"]),
        ("several", ["bot", "other"]),
        ("team", ["b", "a"]),
        ("registry", ["bot", "second"]),
        ("Holder.inner", ["bot"]),
    ],
)
def test_import_strings_name_agents_functions_teams_and_registries(
    folder: Path, attribute: str, expected: list[str]
) -> None:
    assert names(f"source_bots:{attribute}") == expected


def test_import_strings_beside_other_sources(folder: Path) -> None:
    (folder / "solo.yml").write_text(SINGLE)
    assert names("source_bots:echo", "source_bots:team", "solo.yml") == ["echo", "crew", "crew/a", "solo"]
    assert names("source_bots:registry", "solo.yml") == ["source_bots", "source_bots/second", "solo"]


def test_python_objects_are_sources_themselves() -> None:
    def hello(messages: list[Any]) -> str:
        return "hello"

    registry = AgentRegistry()
    registry.add(CallableAgent(hello, "there"))
    assert names(hello) == ["hello"]
    assert names(registry) == ["there"]
    assert names(Team("t", {"x": CallableAgent(hello)}, "x"), hello) == ["t", "hello"]


def test_two_agents_of_one_name_stop_the_start(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "team.yaml").write_text(SINGLE)
    message = refusal("a/team.yaml", "b/team.yaml")
    assert "'team'" in message
    assert "a/team.yaml" in message
    assert "b/team.yaml" in message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("taem.yaml", 'taem.yaml: there is no such file or folder; did you mean "team.yaml"?'),
        ("nothing/at/all.yaml", "nothing/at/all.yaml: there is no such file or folder"),
        ("team", "team: there is no such file or folder"),
        ("source_bots.py", "source_bots.py: not an agent file: expected .yaml, .yml or agent.json; name what is in it"),
        ("team.hcl", "team.hcl: teams in HCL are not read; write the team as YAML"),
        ("hollow", "hollow: no agents in this folder"),
        ("https://example.com/team.yaml", "agents from the network are not supported"),
        ("source_bots:boot", "source_bots:boot: the module 'source_bots' has no 'boot', did you mean \"bot\"?"),
        ("source_bots:number", "source_bots:number: int is no agent"),
        ("source_bots:empty", "source_bots:empty: there are no agents in it"),
        ("source_bots:Holder", "source_bots:Holder: Holder is a class"),
        ("source_bot:bot", "source_bot:bot: there is no module 'source_bot', did you mean \"source_bots\"?"),
        ("source_broken:bot", "source_broken:bot: importing 'source_broken' failed: ZeroDivisionError"),
        ("source_needy:bot", "source_needy:bot: its module needs 'not_installed_here'"),
        ("", "names no source"),
    ],
)
def test_wrong_sources_are_named(folder: Path, source: str, message: str) -> None:
    (folder / "team.yaml").write_text(TEAM)
    (folder / "hollow").mkdir()
    (folder / "team.hcl").touch()
    (folder / "source_broken.py").write_text("1 / 0\n")
    (folder / "source_needy.py").write_text("import not_installed_here\n")
    assert message in refusal(source)


def test_two_agents_of_one_name_in_a_list_are_refused() -> None:
    def hello(messages: list[Any]) -> str:
        return "hello"

    assert "two agents have the same name" in refusal([hello, hello])
