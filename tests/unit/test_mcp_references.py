"""MCP servers that files name by reference: what the operator runs in their place, and Docker's gateway."""

from __future__ import annotations

import http.server
import json
import os
import sys
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api import loop_thread
from flask_agent_api.concurrency import spawn
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.origin import fetched_from
from flask_agent_api.per_process import PerProcess
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools import docker_catalogue
from flask_agent_api.tools.docker_gateway import CATALOGUE
from flask_agent_api.tools.mcp.toolset import MCPToolset
from flask_agent_api.types import ToolResult

DATA = Path(__file__).parent.parent / "data"
CTX = RunContext(Settings())
REF = "docker:clock"
SERVERS: dict[str, Any] = {
    "clock": {"type": "server", "secrets": [{"name": "clock.key", "env": "CLOCK_KEY"}]},
    "far": {"type": "remote", "remote": {"url": "http://127.0.0.1:9/mcp", "transport_type": "streamable-http"}},
}

Load = Callable[..., ModelAgent]


@pytest.fixture(autouse=True, scope="module")
def loop() -> Iterator[None]:
    yield
    loop_thread.stop(3)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads an agent with one MCP toolset."""

    def load(entry: dict[str, Any], stand_ins: object = None, more: str = "", **environ: str) -> ModelAgent:
        file = tmp_path / "team.yaml"
        toolset = json.dumps({"type": "mcp", **entry})
        file.write_text(f"agents: {{root: {{model: demo/demo, toolsets: [{toolset}]}}}}\n{more}")
        settings = Settings.from_mapping({"AGENT_API_MCP_SERVERS": stand_ins}, {})
        agent = load_docker_agent(file, settings, environ).agents["root"]
        assert isinstance(agent, ModelAgent)
        return agent

    return load


def toolset(agent: ModelAgent) -> MCPToolset:
    (found,) = agent.toolsets
    assert isinstance(found, MCPToolset)
    return found


# what the operator runs in the place of a reference


def test_a_command_line_takes_the_place_of_a_reference(load: Load) -> None:
    agent = load({"ref": REF, "env": {"KEY": "${A}"}}, json.dumps({REF: "uvx 'my server' --fast"}), A="1")
    config = toolset(agent).config
    assert (config.command, config.args, config.env) == ("uvx", ("my server", "--fast"), {"KEY": "1"})
    assert config.name == "my server"
    assert agent.warnings == ()


def test_a_url_takes_the_place_of_a_reference(load: Load) -> None:
    assert toolset(load({"ref": REF}, {REF: "https://example.org/sse"})).config.transport == "sse"
    url = {"url": "https://example.org/mcp", "headers": {"Authorization": "Bearer ${env.A}"}}
    config = toolset(load({"ref": REF, "remote": {"oauth": {"clientId": "x"}}}, {REF: url}, A="sk-1")).config
    assert (config.url, config.transport) == ("https://example.org/mcp", "http")
    assert config.headers == {"Authorization": "Bearer sk-1"}


def test_the_operators_server_goes_before_the_files(load: Load) -> None:
    mcps = "mcps: {files: {command: npx, args: [files], env: {B: theirs}}}"
    server = {"command": "my-files", "args": ["--here"], "env": {"A": "mine"}, "working_dir": "sub"}
    config = toolset(load({"ref": "files"}, {"files": server}, mcps)).config
    assert (config.command, config.args, config.env) == ("my-files", ("--here",), {"A": "mine"})
    assert Path(config.cwd or "").name == "sub"


def test_a_definition_of_the_file_may_be_a_reference_itself(load: Load) -> None:
    mcps = f"mcps: {{clock: {{ref: '{REF}', env: {{A: file, B: file}}}}}}"
    agent = load({"ref": "clock", "env": {"B": "entry"}}, {REF: {"command": "my-clock", "env": {"A": "mine"}}}, mcps)
    assert toolset(agent).config.command == "my-clock"
    assert toolset(agent).config.env == {"A": "file", "B": "entry"}


def test_options_of_the_entry_stay_and_the_gateways_configuration_is_told_to_have_no_effect(load: Load) -> None:
    agent = load({"ref": REF, "config": {"a": 1}, "lifecycle": {"call_timeout": "3s"}}, {REF: "my-clock"})
    assert toolset(agent).config.call_timeout == 3
    (warning,) = agent.warnings
    assert "config: is for Docker's gateway" in warning


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ("", "no command line"),
        ("a 'b", "no command line"),
        (7, "expected a command line, a URL"),
        ({"args": []}, "expected a command line, a URL"),
        ({"command": "x", "url": "https://x.org"}, "unknown field 'url'"),
        ({"command": "x", "args": "y"}, "args: expected a list of texts"),
        ({"command": "x", "env": {"A": 1}}, "env: expected an object of texts"),
        ({"command": ""}, "command: expected text"),
        ({"url": "ftp://x.org"}, "url: expected one that starts with"),
        ({"url": "https://x.org", "transport": "smoke"}, "transport: expected http or sse"),
    ],
)
def test_what_is_no_server_stops_the_start(server: object, problem: str) -> None:
    with pytest.raises(ConfigError, match="AGENT_API_MCP_SERVERS: docker:clock: ") as caught:
        Settings.from_mapping({"AGENT_API_MCP_SERVERS": {REF: server}}, {})
    assert problem in str(caught.value)


def test_the_servers_are_not_shown() -> None:
    settings = Settings.from_mapping({"AGENT_API_MCP_SERVERS": {REF: "clock --key sk-1"}}, {})
    assert "sk-1" not in repr(settings)


# Docker's gateway


@pytest.fixture
def no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH without the command; returns its only folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, script: Path) -> None:
    command = folder / "docker"
    command.write_text(f"#!{sys.executable}\n{script.read_text()}")
    command.chmod(0o755)


@pytest.fixture
def docker(no_docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command ``docker`` that is an MCP server; returns what it notes down."""
    install(no_docker, DATA / "fake_docker.py")
    notes = tmp_path / "docker.json"
    monkeypatch.setenv("DOCKER_FAKE_NOTES", str(notes))
    monkeypatch.setenv("DOCKER_FAKE_SERVER", json.dumps([str(DATA / "mcp_fake_server.py")]))
    return notes


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A catalogue on this machine; the paths that were asked for."""

    class Catalogue(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps({"registry": SERVERS}).encode()
            self.send_response(200 if self.path == "/catalog.json" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    asked: list[str] = []
    with http.server.HTTPServer(("127.0.0.1", 0), Catalogue) as server:
        serving = spawn(server.serve_forever, 0.01)
        monkeypatch.setattr(docker_catalogue, "CATALOGUE_JSON", f"http://127.0.0.1:{server.server_port}/catalog.json")
        monkeypatch.setattr(docker_catalogue, "_kept", PerProcess(docker_catalogue._Kept))
        yield asked
        server.shutdown()
        serving.join(5)


def failure(found: MCPToolset) -> str:
    with pytest.raises(ToolError) as caught:
        found.tools(CTX)
    return str(caught.value)


def test_the_gateway_runs_a_server_of_the_catalogue_as_docker_agent_has_it_do(
    load: Load, docker: Path, catalogue: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    clock = toolset(load({"ref": REF, "config": {"zone": "UTC"}}, CLOCK_KEY="sk-clock"))
    assert catalogue == []  # nothing is looked up before it is needed
    try:
        tools = {tool.name: tool for tool in clock.tools(CTX)}
        result = tools["echo"].call({"text": "tick"}, CTX)
        seen = json.loads(docker.read_text())
        assert all(os.path.exists(path) for path in seen["paths"])
    finally:
        clock.close()
    assert result == ToolResult("tick")
    assert seen["options"] == {"--servers": "clock", "--catalog": CATALOGUE}
    assert seen["files"] == {"--secrets": "clock.key=sk-clock", "--config": '{"clock": {"zone": "UTC"}}'}
    assert seen["modes"] == [0o700, 0o700]
    assert "OPENAI_API_KEY" not in seen["variables"]
    assert seen["cwd"] == str(tmp_path)
    assert not any(os.path.exists(path) for path in seen["paths"])
    assert clock.name == "clock"


@pytest.mark.slow
def test_a_real_server_answers_through_the_gateway(
    load: Load, docker: Path, catalogue: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_FAKE_SERVER", '["-m", "mcp_server_time"]')
    clock = toolset(load({"ref": REF}, CLOCK_KEY="sk-clock"))
    tools = {tool.name: tool for tool in clock.tools(CTX)}
    result = tools["get_current_time"].call({"timezone": "Europe/Paris"}, CTX)
    clock.close()
    assert isinstance(result, ToolResult)
    assert json.loads(result.content)["timezone"] == "Europe/Paris"


def test_a_secret_may_come_from_the_entry_and_a_missing_one_is_named(
    load: Load, docker: Path, catalogue: list[str]
) -> None:
    assert failure(toolset(load({"ref": REF}))) == (
        "MCP server clock: the environment variable CLOCK_KEY is not set, which clock needs"
    )
    clock = toolset(load({"ref": REF, "env": {"CLOCK_KEY": "$OTHER"}}, OTHER="sk-other"))
    clock.tools(CTX)
    clock.close()
    assert json.loads(docker.read_text())["files"]["--secrets"] == "clock.key=sk-other"
    assert len(catalogue) == 1


def test_a_server_with_a_url_of_its_own_is_called_directly(load: Load, docker: Path, catalogue: list[str]) -> None:
    assert "cannot connect to 127.0.0.1:9" in failure(toolset(load({"ref": "docker:far"})))
    assert not docker.exists()


def test_an_unknown_server_and_a_catalogue_that_cannot_be_read_are_told(
    load: Load, docker: Path, catalogue: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there is no server 'nobody'" in failure(toolset(load({"ref": "docker:nobody"})))
    monkeypatch.setattr(docker_catalogue, "_kept", PerProcess(docker_catalogue._Kept))
    monkeypatch.setattr(docker_catalogue, "CATALOGUE_JSON", docker_catalogue.CATALOGUE_JSON + "?none")
    assert "catalogue cannot be read" in failure(toolset(load({"ref": REF})))


@pytest.mark.parametrize("script", ["", "import sys; sys.exit(1)"])
def test_without_the_gateway_the_agent_runs_without_the_server(
    load: Load, no_docker: Path, tmp_path: Path, script: str
) -> None:
    if script:
        (tmp_path / "script.py").write_text(script)
        install(no_docker, tmp_path / "script.py")
    agent = load({"ref": REF})
    assert agent.toolsets == ()
    (warning,) = agent.warnings
    assert ("docker has no plugin mcp" if script else "there is no command docker") in warning
    assert f'AGENT_API_MCP_SERVERS={{"{REF}": ' in warning


def test_a_reference_to_another_place_is_left_out(load: Load) -> None:
    (warning,) = load({"ref": "npm:clock"}).warnings
    assert "it does not begin with docker:" in warning


def test_files_from_elsewhere_start_no_gateway(tmp_path: Path, docker: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text("agents: {root: {model: demo/demo, toolsets: [{type: mcp, ref: 'docker:clock'}]}}")
    settings = Settings.from_mapping({"AGENT_API_MCP_SERVERS": {REF: "my-clock"}}, {})
    for each in (Settings(), settings):
        (found,) = load_docker_agent(file, each, {}, fetched_from("https://example.org", each)).agents["root"].toolsets  # type: ignore[attr-defined]
        assert not isinstance(found, MCPToolset)
        with pytest.raises(ToolError, match="AGENT_API_ALLOW=remote-files"):
            found.tools(CTX)


def test_the_gateways_command_line_works_as_any_other(load: Load, docker: Path, tmp_path: Path) -> None:
    for name in ("secrets", "config"):
        (tmp_path / name).write_text(name)
    passed = {name: os.environ[name] for name in ("DOCKER_FAKE_NOTES", "DOCKER_FAKE_SERVER")}
    args = ["mcp", "gateway", "run", "--secrets", "secrets", "--config", "config", "--servers", "a,b"]
    server = toolset(load({"command": "docker", "args": args, "env": {name: f"${name}" for name in passed}}, **passed))
    assert "echo" in {tool.name for tool in server.tools(CTX)}
    server.close()
    assert json.loads(docker.read_text())["options"] == {"--servers": "a,b"}


def test_what_a_killed_process_left_behind_is_deleted(
    load: Load, docker: Path, catalogue: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old, new = tmp_path / "flask-agent-api-files-4194999-a", tmp_path / "flask-agent-api-files-4194999-b"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    clock = toolset(load({"ref": REF}, CLOCK_KEY="sk-clock"))
    clock.tools(CTX)
    clock.close()
    assert (old.exists(), new.exists()) == (False, True)
