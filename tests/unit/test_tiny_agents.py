"""tiny-agents folders become agents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.tiny_agents.loader import DEFAULT_PROMPT
from flask_agent_api.formats.tiny_agents.loader import load_tiny_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.mcp.toolset import MCPServerConfig

DATA = Path(__file__).parent.parent / "data" / "tiny"
ENVIRON = {"GREETER_KEY": "k3y", "GREETER_TOKEN": "t0k"}


def load(path: Path, environ: dict[str, str] | None = None) -> ModelAgent:
    team = load_tiny_agent(path, Settings(), environ or {})
    (agent,) = team.agents.values()
    assert isinstance(agent, ModelAgent)
    assert (team.label, team.default) == (agent.name, agent.name)
    return agent


def configs(agent: ModelAgent) -> list[MCPServerConfig]:
    return [toolset.config for toolset in agent.toolsets]  # type: ignore[attr-defined]


def written(folder: Path, **fields: Any) -> Path:
    (folder / "agent.json").write_text(json.dumps({"provider": "demo", "model": "demo", "servers": [], **fields}))
    return folder


def messages(warnings: Iterable[str]) -> str:
    return "\n".join(warnings)


def test_a_folder_becomes_an_agent_of_its_name() -> None:
    agent = load(DATA / "greeter", ENVIRON)
    assert agent.name == "greeter"
    assert agent.instruction == "You greet people.\n"
    assert messages(agent.warnings).endswith(
        "args: ${input:greeter-token} stays as it is: inputs are filled in in `env`, not here"
    )
    assert len(agent.warnings) == 1


def test_servers_of_every_kind_are_read() -> None:
    stdio, http, sse, untyped = configs(load(DATA / "greeter", ENVIRON))
    assert (stdio.transport, stdio.command, stdio.env) == ("stdio", "npx", {"TOKEN": "t0k"})
    assert stdio.args == ("-y", "x", "${input:greeter-token}")
    assert stdio.cwd == str(DATA / "greeter" / "work")
    assert (http.transport, http.url) == ("http", "https://mcp.example.com/mcp")
    assert (http.headers, http.allowed_tools) == ({"Authorization": "Bearer t0k"}, ("greet",))
    assert (sse.transport, sse.allowed_tools) == ("sse", None)
    assert (untyped.transport, untyped.command) == ("stdio", "untyped")


def test_an_input_without_a_value_is_empty_and_named() -> None:
    for environ in ({"GREETER_KEY": "k3y"}, {"GREETER_KEY": "k3y", "GREETER_TOKEN": ""}):
        agent = load(DATA / "greeter", environ)
        assert configs(agent)[0].env == {"TOKEN": ""}
        assert "inputs[1]: GREETER_TOKEN is not set in the environment" in messages(agent.warnings)
        assert messages(agent.warnings).count("is not set") == 1  # although two servers use it


def test_the_file_itself_loads_no_prompt_file() -> None:
    assert load(DATA / "greeter" / "agent.json", ENVIRON).instruction == DEFAULT_PROMPT
    assert load(DATA / "bare").instruction == DEFAULT_PROMPT


def test_agents_md_wins_over_prompt_md(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "PROMPT.md").write_text("prompt")
    (tmp_path / "AGENTS.md").write_text("agents")
    assert load(tmp_path).instruction == "agents"


def test_the_old_nested_form_is_flattened(tmp_path: Path) -> None:
    servers = [
        {"type": "stdio", "config": {"command": "npx", "args": ["x"], "env": {"A": "b"}, "cwd": "sub"}},
        {
            "type": "sse",
            "config": {"url": "https://a.example.com", "options": {"requestInit": {"headers": {"A": "${input:a}"}}}},
        },
        {"type": "http", "config": {"url": "https://b.example.com"}, "allowed_tools": ["x"]},
        {"config": {"command": "untyped"}},
    ]
    agent = load(written(tmp_path, servers=servers), {"A": "1"})
    stdio, sse, http, untyped = configs(agent)
    assert (stdio.command, stdio.args, stdio.env, stdio.cwd) == ("npx", ("x",), {"A": "b"}, str(tmp_path / "sub"))
    assert (sse.transport, sse.url, sse.headers) == ("sse", "https://a.example.com", {"A": "1"})
    assert (http.transport, http.url, http.allowed_tools) == ("http", "https://b.example.com", ("x",))
    assert (untyped.transport, untyped.command) == ("stdio", "untyped")
    assert len(agent.warnings) == 4
    assert all("config: an old form" in warning for warning in agent.warnings)


@pytest.mark.parametrize(
    ("url", "transport"),
    [("https://a.example.com/mcp", "http"), ("https://a.example.com/gradio_api/mcp/sse", "sse")],
)
def test_a_url_without_a_type_is_what_its_end_says(tmp_path: Path, url: str, transport: str) -> None:
    agent = load(written(tmp_path, servers=[{"url": url}]))
    assert configs(agent)[0].transport == transport
    assert f"servers[0]: has no `type`, it is taken for {transport}" in messages(agent.warnings)


def test_time_limits_of_a_remote_server(tmp_path: Path) -> None:
    servers = [
        {
            "type": "sse",
            "url": "https://a.example.com",
            "timeout": 5,
            "sse_read_timeout": 600,
            "terminate_on_close": True,
        },
        {"type": "http", "url": "https://a.example.com", "terminate_on_close": True},
    ]
    slow, plain = configs(load(written(tmp_path, servers=servers)))
    assert (slow.startup_timeout, slow.call_timeout) == (5.0, 600.0)
    assert (plain.startup_timeout, plain.call_timeout) == (30.0, None)


@pytest.mark.parametrize(
    ("command", "args", "label"),
    [
        ("npx", ["-y", "@playwright/mcp@latest"], "@playwright/mcp@latest"),
        ("npx", ["mcp-remote", "https://a.example.com"], "mcp-remote"),
        ("/usr/bin/node", ["./server/index.js"], "index.js"),
        ("uvx", [], "uvx"),
        ("./tools/run.sh", ["x"], "run.sh"),
    ],
)
def test_a_server_is_called_after_what_is_launched(tmp_path: Path, command: str, args: list[str], label: str) -> None:
    (config,) = configs(load(written(tmp_path, servers=[{"type": "stdio", "command": command, "args": args}])))
    assert config.name == label


def test_inputs_are_filled_in_everywhere_but_in_arguments(tmp_path: Path) -> None:
    servers = [
        {"type": "stdio", "command": "x", "args": ["${input:a-b}"], "env": {"X": "${input:a-b}:${input:a-b}"},
         "cwd": "${input:dir}"},
        {"type": "http", "url": "https://${input:host}/mcp?k=${input:a-b}", "headers": {"H": "${input:not declared}"}},
    ]  # fmt: skip
    inputs = [{"id": name, "description": ""} for name in ("a-b", "dir", "host", "never-used")]
    environ = {"A_B": "v$1", "DIR": "/srv", "HOST": "h.example.com", "NOT DECLARED": "${input:dir}"}
    agent = load(written(tmp_path, servers=servers, inputs=inputs), environ)
    stdio, http = configs(agent)
    assert (stdio.args, stdio.env, stdio.cwd) == (("${input:a-b}",), {"X": "v$1:v$1"}, "/srv")
    assert (http.url, http.headers) == ("https://h.example.com/mcp?k=v$1", {"H": "${input:dir}"})
    assert "servers[0].args: ${input:a-b} stays as it is" in messages(agent.warnings)
    assert "inputs[3]: the input never-used is not used" in messages(agent.warnings)
    assert len(agent.warnings) == 2


def test_values_of_inputs_are_in_no_message_and_no_repr(tmp_path: Path) -> None:
    servers = [{"type": "http", "url": "${input:secret}", "headers": {"A": "${input:secret}"}}]
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, servers=servers), {"SECRET": "s3cret"})
    assert "s3cret" not in caught.value.message
    servers[0]["url"] = "https://a.example.com/${input:secret}"
    agent = load(written(tmp_path, servers=servers, apiKey="${input:secret}"), {"SECRET": "s3cret"})
    assert "s3cret" not in f"{agent!r} {configs(agent)!r} {agent.warnings}"


def test_names_of_agents(tmp_path: Path) -> None:
    folder = tmp_path / "web browsing"
    folder.mkdir()
    written(folder)
    (folder / "other.json").write_text((folder / "agent.json").read_text())
    assert [load(path).name for path in (folder, folder / "agent.json", folder / "other.json")] == [
        "web browsing",
        "web browsing",
        "other",
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"modle": "x"}, 'modle: unknown field, did you mean "model"?'),
        ({"endpoint_url": "x"}, 'endpoint_url: unknown field, did you mean "endpointUrl"?'),
        ({"servers": {}}, "servers: expected a list, found a mapping"),
        ({"servers": ["npx"]}, "servers[0]: expected a mapping, found text"),
        (
            {"servers": [{"type": "stdoi", "command": "x"}]},
            "servers[0].type: expected stdio, http or sse, did you mean",
        ),
        ({"servers": [{}]}, "servers[0].type: expected stdio, http or sse"),
        ({"servers": [{"type": []}]}, "servers[0].type: expected stdio, http or sse, found a list"),
        ({"servers": [{"type": "stdio", "config": "npx"}]}, "servers[0].config: expected a mapping, found text"),
        ({"servers": [{"type": "stdio", "config": {"command": ["npx"]}}]}, "servers[0].config.command: expected text"),
        (
            {"servers": [{"type": "sse", "config": {"url": "https://a.example.com", "options": []}}]},
            "servers[0].config.options: expected a mapping",
        ),
        (
            {"servers": [{"type": "sse", "config": {"url": "https://a.example.com", "options": {"requestInit": 1}}}]},
            "servers[0].config.options.requestInit: expected a mapping, found 1",
        ),
        ({"servers": [{"type": "http", "url": "https://a.example.com", "timeout": "5"}]}, "expected a number from 0.1"),
        ({"servers": [{"type": "http", "url": "https://a.example.com", "headers": []}]}, "headers: expected a mapping"),
        ({"servers": [{"type": "stdio", "command": "x", "env": {"A": ["b"]}}]}, "servers[0].env: expected a mapping"),
        ({"servers": [{"type": "stdio", "command": "x", "allowed_tools": "y"}]}, "allowed_tools: expected a list"),
        ({"servers": [None]}, "servers[0].type: expected stdio"),
        ({"inputs": {}}, "inputs: expected a list"),
        ({"inputs": ["x"]}, "inputs[0]: expected a mapping"),
        ({"inputs": [{"description": "x"}]}, "inputs[0].id: an input needs an `id`"),
        ({"apiKey": ["k"]}, "apiKey: expected text, found a list"),
        ({"provider": {}}, "provider: expected text, found a mapping"),
        ({"servers": [{"type": "stdio"}]}, "servers[0]: a stdio server needs a `command`"),
        ({"servers": [{"type": "http", "url": "a.example.com"}]}, "servers[0].url: expected a URL"),
        ({"servers": [{"type": "stdio", "command": "x", "agrs": []}]}, "servers[0].agrs: unknown field, did you mean"),
        ({"servers": [{"type": "stdio", "command": "x", "args": "y"}]}, "servers[0].args: expected a list of texts"),
        ({"inputs": [{"idd": "x"}]}, 'inputs[0].idd: unknown field, did you mean "id"?'),
        ({"model": 3}, "model: expected text, found 3"),
        ({"model": None}, "needs a `model`, or an `endpointUrl`"),
        ({"provider": None, "endpointUrl": "ftp://x"}, "endpointUrl: expected a URL"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, **fields))
    assert caught.value.message.startswith(str(tmp_path / "agent.json"))
    assert message in caught.value.message


def test_other_unknown_fields_are_warnings(tmp_path: Path) -> None:
    agent = load(written(tmp_path, homepage="x"))
    assert messages(agent.warnings).endswith("agent.json:1: homepage: unknown field, it has no effect")


def test_a_folder_without_agent_json_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"agent\.json: cannot be read"):
        load(tmp_path)
