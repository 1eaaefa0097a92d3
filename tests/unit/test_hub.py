"""Tiny agents of the Hub: fetched when a source says so, pinned, cached, and harmless until they are allowed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.sources import load_sources
from flask_agent_api.formats.sources import load_teams
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.mcp.toolset import MCPToolset
from tests.hub import Hub

pytestmark = pytest.mark.slow

constants = pytest.importorskip("huggingface_hub.constants")

OLD, NEW = "a" * 40, "b" * 40
AGENT = json.dumps(
    {
        "model": "m",
        "provider": "demo",
        "servers": [{"type": "stdio", "command": "touch", "env": {"T": "${input:HOME}"}}],
    }
)
FILES = {
    "celinah/web-browsing/agent.json": AGENT,
    "celinah/web-browsing/PROMPT.md": "You browse.",
    "celinah/web-browsing/run.sh": "echo",
    "evalstate/hf-search/agent.json": AGENT,
    "much/text/agent.json": " " * 1024 * 1024 + AGENT,
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("flask_agent_api.formats.hub.SECONDS", 2.0)
    old = {**FILES, "celinah/web-browsing/PROMPT.md": "You browsed."}
    with Hub({OLD: old, NEW: FILES}, {"main": NEW, "v1": OLD}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def load(source: str, *allow: str) -> ModelAgent:
    agents, _ = load_sources([source], Settings(allow=allow))
    ((name, agent),) = agents
    assert isinstance(agent, ModelAgent)
    assert agent.name == name
    return agent


def refusal(source: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_teams(source, Settings())
    return caught.value.message


def test_the_agent_is_fetched_with_its_prompt_and_nothing_else(hub: Hub) -> None:
    agent = load("hub:celinah/web-browsing")
    assert (agent.name, agent.instruction) == ("web-browsing", "You browse.")
    assert not any(path.endswith("run.sh") or "/tree/" in path for path in hub.paths)
    (team,) = load_teams("hub:celinah/web-browsing", Settings())
    assert team.path == f"hub:celinah/web-browsing@{NEW}"


@pytest.mark.parametrize("revision", ["v1", OLD])
def test_a_revision_is_pinned(hub: Hub, revision: str) -> None:
    assert load(f"hub:celinah/web-browsing@{revision}").instruction == "You browsed."


def test_an_agent_without_a_prompt_file_has_the_default_one(hub: Hub) -> None:
    assert load("hub:evalstate/hf-search").instruction.startswith("You are an agent")


def test_it_starts_nothing_until_remote_files_is_allowed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    agent = load("hub:celinah/web-browsing")
    with pytest.raises(ToolError, match=r"of hub:celinah/web-browsing is not allowed.*=remote-files"):
        agent.toolsets[0].tools(RunContext(Settings()))
    assert "servers: This field of hub:celinah/web-browsing is not allowed here" in agent.warnings[0]
    (toolset,) = load("hub:celinah/web-browsing", "remote-files").toolsets
    assert isinstance(toolset, MCPToolset)
    assert (toolset.config.env, toolset.config.cwd) == ({"T": "/home/me"}, str(Path.cwd()))


def test_what_was_fetched_serves_while_the_hub_is_down(hub: Hub) -> None:
    load("hub:celinah/web-browsing")
    load("hub:evalstate/hf-search")
    hub.status = 503
    assert load("hub:celinah/web-browsing").instruction == "You browse."
    assert load("hub:evalstate/hf-search").instruction.startswith("You are an agent")
    assert "the Hub cannot be reached, and agent.json is not in the cache" in refusal("hub:other/one")


def test_a_pinned_agent_is_not_asked_for_again(hub: Hub) -> None:
    load(f"hub:celinah/web-browsing@{NEW}")
    hub.paths.clear()
    load(f"hub:celinah/web-browsing@{NEW}")
    assert hub.paths == []


def test_nobody_there(hub: Hub) -> None:
    hub.stop()
    assert "hub:celinah/web-browsing: the Hub cannot be reached" in refusal("hub:celinah/web-browsing")


def test_a_hub_that_says_nothing_is_waited_for_a_while(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    import socket

    monkeypatch.setattr("flask_agent_api.formats.hub.SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "the Hub cannot be reached" in refusal("hub:celinah/web-browsing")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hub:celinah/web-browsign", 'no such agent at tiny-agents/tiny-agents, did you mean "celinah/web-browsing"?'),
        ("hub:no/one", "hub:no/one: there is no such agent at tiny-agents/tiny-agents"),
        ("hub:celinah/web-browsing@v9", "tiny-agents/tiny-agents has no revision v9"),
        ("hub:much/text", "hub:much/text: larger than 1024 KiB"),
        ("hub:web-browsing", "expected hub:OWNER/AGENT"),
        ("hub:../../etc", "expected hub:OWNER/AGENT"),
        ("hub:a/../b", "expected hub:OWNER/AGENT"),
        ("hub:a/*", "expected hub:OWNER/AGENT"),
        ("hub:", "expected hub:OWNER/AGENT"),
        ("hub:a/b@", "expected hub:OWNER/AGENT"),
    ],
)
def test_mistakes_are_named(hub: Hub, source: str, message: str) -> None:
    assert message in refusal(source)


def test_a_key_that_is_refused(hub: Hub) -> None:
    hub.status = 401
    assert "hub:celinah/web-browsing: the Hub answered 401; is HF_TOKEN a valid key?" in refusal(
        "hub:celinah/web-browsing"
    )


def test_an_id_alone_is_a_path(hub: Hub) -> None:
    assert "no such file or folder; for an agent of Hugging Face's Hub write hub:celinah/web-browsing" in refusal(
        "celinah/web-browsing"
    )
    assert hub.paths == []


def test_without_the_library_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert refusal("hub:a/b") == "hub:a/b: needs huggingface_hub: pip install 'flask-agent-api[hub]'"
