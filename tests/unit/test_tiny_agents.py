"""tiny-agents folders become agents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.document import Document
from flask_agent_api.formats.section import Section
from flask_agent_api.formats.tiny_agents import DEFAULT_PROMPT
from flask_agent_api.formats.tiny_agents import load_tiny_agent
from flask_agent_api.formats.tiny_agents_model import model_config
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.mcp import MCPServerConfig

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
    assert agent.warnings == ()


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
    agent = load(DATA / "greeter", {"GREETER_KEY": "k3y"})
    assert configs(agent)[0].env == {"TOKEN": ""}
    assert "servers[0].env.TOKEN: GREETER_TOKEN is not set" in messages(agent.warnings)
    assert "servers[1].headers.Authorization: GREETER_TOKEN is not set" in messages(agent.warnings)


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
        {"type": "stdio", "config": {"command": "npx", "args": ["x"]}},
        {
            "type": "sse",
            "config": {"url": "https://a.example.com", "options": {"requestInit": {"headers": {"A": "b"}}}},
        },
    ]
    agent = load(written(tmp_path, servers=servers))
    stdio, sse = configs(agent)
    assert (stdio.command, stdio.args) == ("npx", ("x",))
    assert (sse.url, sse.headers) == ("https://a.example.com", {"A": "b"})
    assert messages(agent.warnings).count("an old form") == 2


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
        ({"servers": [{"url": "https://a.example.com"}]}, "servers[0].type: expected stdio, http or sse"),
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
    assert messages(agent.warnings).endswith("agent.json: homepage: unknown field, it has no effect")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n  "model": "x",\n}', r"agent\.json:3:1: not valid JSON"),
        ('{"model": 1, "model": 2}', "'model' stands twice"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "expected an object, found a list"),
        ("", r"agent\.json:1:1: not valid JSON"),
        ("9" * 5000, "not valid JSON"),
    ],
)
def test_broken_json_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "agent.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(tmp_path)


def test_a_folder_without_agent_json_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"agent\.json: cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("fields", "environ", "expected"),
    [
        ({"provider": "openai"}, {"API_KEY": "k"}, ("openai", "m", "k")),
        ({"provider": "openai", "apiKey": "own"}, {"API_KEY": "k"}, ("openai", "m", "own")),
        ({"provider": "openai", "apiKey": "${input:my-key}"}, {"MY_KEY": "own"}, ("openai", "m", "own")),
        ({"provider": "openai"}, {"OPENAI_API_KEY": "k"}, ("openai", "m", "")),
        ({"provider": "openai"}, {}, ("openai", "m", "")),
        ({"provider": "nebius"}, {"HF_TOKEN": "hf_1"}, ("huggingface", "m:nebius", "hf_1")),
        ({"provider": "nebius"}, {"HF_TOKEN": "hf_1", "NEBIUS_API_KEY": "k"}, ("nebius", "m", "")),
        ({"provider": "nebius", "apiKey": "hf_2"}, {}, ("huggingface", "m:nebius", "hf_2")),
        ({"provider": "hyperbolic"}, {"HF_TOKEN": "hf_1"}, ("huggingface", "m:hyperbolic", "hf_1")),
        ({"provider": "hyperbolic"}, {"HF_TOKEN": "hf_1", "API_KEY": "k"}, ("huggingface", "m:hyperbolic", "k")),
        ({}, {"HF_TOKEN": "hf_1"}, ("huggingface", "m", "hf_1")),
        ({"provider": "demo"}, {"HF_TOKEN": "hf_1"}, ("demo", "m", "")),
    ],
)
def test_provider_and_key(fields: dict[str, Any], environ: dict[str, str], expected: tuple[str, ...]) -> None:
    section = Section(Document(Path("agent.json"), {}), (), {"model": "m", **fields}, [])
    config = model_config(section, environ)
    assert (config.provider, config.model, config.api_key) == expected


@pytest.mark.parametrize(
    ("url", "environ", "key"),
    [
        ("http://127.0.0.1:9/v1", {"API_KEY": "k", "HF_TOKEN": "hf_1"}, "k"),
        ("http://127.0.0.1:9/v1", {"HF_TOKEN": "hf_1"}, ""),
        ("https://nothuggingface.co/v1", {"HF_TOKEN": "hf_1"}, ""),
        ("https://x.endpoints.huggingface.cloud/v1", {"HF_TOKEN": "hf_1"}, "hf_1"),
    ],
)
def test_a_key_of_hugging_face_goes_to_nobody_else(url: str, environ: dict[str, str], key: str) -> None:
    section = Section(Document(Path("agent.json"), {}), (), {"endpointUrl": url, "provider": "nebius"}, [])
    config = model_config(section, environ)
    assert (config.base_url, config.api_key, config.token_key) == (url, key, "")
