"""What stands in team files that other people have published: their habits, older versions, the newest fields."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.tiny_agents.loader import load_tiny_agent
from flask_agent_api.models.alloy import AlloyModel
from flask_agent_api.models.openai_chat import OpenAIChatModel
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.mcp.toolset import MCPToolset

KEYS = {"OPENAI_API_KEY": "o", "ANTHROPIC_API_KEY": "a"}


def root(tmp_path: Path, text: str, environ: Mapping[str, str] = KEYS) -> ModelAgent:
    file = tmp_path / "team.yaml"
    file.write_text(text)
    agent = load_docker_agent(file, Settings(), environ).agents["root"]
    assert isinstance(agent, ModelAgent)
    return agent


def warnings(agent: ModelAgent) -> list[str]:
    return [warning.rsplit("team.yaml:", 1)[-1] for warning in agent.warnings]


def test_a_list_of_models_may_have_a_name(tmp_path: Path) -> None:
    models = "{a: {provider: openai, model: x}, b: {provider: anthropic, model: y}, low: {model: 'b,openai/z'}"
    agent = root(tmp_path, f"agents: {{root: {{model: high}}}}\nmodels: {models}, high: {{model: 'a, low'}}}}")
    assert isinstance(agent.model, AlloyModel)
    assert [member.name for member in agent.model.members] == ["openai/x", "anthropic/y", "openai/z"]


def test_a_list_of_models_may_not_hold_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'models\.a\.model: "a" refers to itself'):
        root(tmp_path, "agents: {root: {model: a}}\nmodels: {a: {model: 'openai/x,a'}}")


@pytest.mark.parametrize("notation", ["${BASE}", "${env.BASE}", "${ BASE }"])
def test_addresses_and_headers_know_both_notations_of_variables(tmp_path: Path, notation: str) -> None:
    text = f"""
agents: {{root: {{model: m}}}}
providers: {{p: {{base_url: '{notation}/v1', headers: {{X-A: 'p {notation}', X-B: p}}}}}}
models: {{m: {{provider: p, model: x, headers: {{X-A: 'm {notation}'}}}}}}
"""
    model = root(tmp_path, text, {"BASE": "https://b.example"}).model
    assert isinstance(model, OpenAIChatModel)
    assert model.config.base_url == "https://b.example/v1"
    assert model.config.headers == {"X-A": "m https://b.example", "X-B": "p"}


def test_an_address_whose_variable_is_not_set_stops_requests_and_not_the_start(tmp_path: Path) -> None:
    text = "agents: {root: {model: m}}\nmodels: {m: {provider: openai, model: x, base_url: '${BASE_URL}'}}"
    assert not isinstance(root(tmp_path, text).model, OpenAIChatModel)


@pytest.mark.parametrize("name", ["gpt-5.4", "größe", "a/b", "x_1"])
def test_anchors_have_the_names_of_yaml_1_2(tmp_path: Path, name: str) -> None:
    text = f"models: {{a: &{name} {{provider: openai, model: x}}, b: *{name}}}\nagents: {{root: {{model: b}}}}"
    assert root(tmp_path, text).model.name == "openai/x"


@pytest.mark.parametrize(
    ("alias", "name"), [("fireworks-ai", "fireworks"), ("togetherai", "together"), ("moonshotai", "moonshot")]
)
def test_providers_have_other_names_in_newer_files(tmp_path: Path, alias: str, name: str) -> None:
    assert root(tmp_path, f"agents: {{root: {{model: {alias}/kimi}}}}").model.name == f"{name}/kimi"


@pytest.mark.parametrize(
    "toolset",
    [
        "{type: api, api_config: {name: a}, timeout: 5, allow_private_ips: true}",
        "{type: a2a, url: 'http://x', allow_private_ips: true}",
        "{type: fetch, escape_html: true}",
        "{type: lsp, command: gopls, version: false}",
        "{type: mcp_catalog, allowed_servers: [a], blocked_servers: [b]}",
        "{type: open_url, url: 'http://x', name: a}",
        "{type: openapi, url: 'http://x', allow_private_ips: true, max_output_bytes: 0}",
        "{type: rag, name: a, rag_config: {docs: [a], strategies: [{type: bm25}]}}",
        "{type: webhook, webhook_config: {url: 'http://x'}}",
    ],
)
def test_all_fields_of_toolsets_are_known(tmp_path: Path, toolset: str) -> None:
    agent = root(tmp_path, f"agents: {{root: {{model: openai/x, toolsets: [{toolset}]}}}}")
    assert not any("unknown" in warning for warning in agent.warnings)


def test_a_server_whose_transport_has_no_such_name_is_reached_all_the_same(tmp_path: Path) -> None:
    remote = "{url: 'http://x.example/mcp', transport_type: streaming, headers: {X-Key: 'Bearer ${KEY}'}}"
    text = f"agents: {{root: {{model: openai/x, toolsets: [{{type: mcp, remote: {remote}}}]}}}}"
    agent = root(tmp_path, text, {**KEYS, "KEY": "k"})
    (toolset,) = agent.toolsets
    assert isinstance(toolset, MCPToolset)
    assert (toolset.config.transport, toolset.config.headers) == ("http", {"X-Key": "Bearer k"})
    assert "expected streamable or sse; it is taken for streamable" in warnings(agent)[0]


def test_names_of_version_0_and_counts_of_seconds_are_read_over(tmp_path: Path) -> None:
    text = "agents: {root: {name: gordon, model: openai/x, fallback: {models: [openai/y], cooldown: 60}}}"
    assert warnings(root(tmp_path, text)) == []


def test_keys_of_version_0_are_filled_in(tmp_path: Path) -> None:
    entry = "{type: openai, model: x, env: {OPENAI_API_KEY: '${LITELLM_KEY}'}}"
    model = root(tmp_path, f"agents: {{root: {{model: m}}}}\nmodels: {{m: {entry}}}", {"LITELLM_KEY": "k"}).model
    assert isinstance(model, OpenAIChatModel)
    assert model.config.api_key == "k"


def test_the_newest_parts_of_agents_are_known(tmp_path: Path) -> None:
    hooks = "{before_agent_run: [{type: command, command: x}], prompt_file_guard: [{type: command, command: x}]}"
    agent = f"{{model: openai/x, routing: {{allowed_agents: [b]}}, hooks: {hooks}}}"
    text = f"agents: {{root: {agent}, b: {{model: openai/y}}}}"
    assert [warning.split(": ", 1)[1] for warning in warnings(root(tmp_path, text))] == [
        "agents.root.routing: not supported yet, it has no effect",
        "agents.root.hooks.before_agent_run: not supported yet, it has no effect",
        "agents.root.hooks.prompt_file_guard: not supported yet, it has no effect",
    ]


def test_a_hook_that_never_runs_is_one_warning(tmp_path: Path) -> None:
    hook = "{type: builtin, command: add_context, args: [x], on_error: warn}"
    agent = root(tmp_path, f"agents: {{root: {{model: openai/x, hooks: {{session_start: [{hook}]}}}}}}")
    assert [warning.split(": ", 1)[1] for warning in warnings(agent)] == [
        'agents.root.hooks.session_start[0].type: hooks of type "builtin" are not supported yet, this one never runs'
    ]


@pytest.mark.parametrize("text", ["kind: Pod\nmetadata: {labels: {a: b}}", "model: openai/x\ninstructions: x", "{}"])
def test_other_yaml_is_told_what_makes_a_team(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"team\.yaml: `agents` must name at least one agent"):
        root(tmp_path, text)


def test_workflows_of_any_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="workflow: workflows are not supported"):
        root(tmp_path, "agents: {root: {model: openai/x}}\nworkflow: {steps: [{type: agent, name: root}]}")


def test_a_message_does_not_quote_a_whole_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        root(tmp_path, f"agents: {{root: {{model: {'x' * 50_000}}}}}")
    assert "agents.root.model: there is no model" in str(caught.value)
    assert "write provider/model" in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_an_agent_json_of_another_program_is_told_that_it_names_no_servers(tmp_path: Path) -> None:
    (tmp_path / "agent.json").write_text('{"model": "x", "mcpServers": {}}')
    (agent,) = load_tiny_agent(tmp_path, Settings(), {}).agents.values()
    assert isinstance(agent, ModelAgent)
    assert any("has no `servers`, so the agent has no tools" in warning for warning in agent.warnings)


@pytest.mark.parametrize("field", ["working_dir", "allow_list", "deny_list"])
def test_a_path_that_no_file_can_have_costs_the_tools_and_not_the_start(tmp_path: Path, field: str) -> None:
    value = "x" * 5000 if field == "working_dir" else f"[{'x' * 5000}]"
    toolset = f"{{type: filesystem, {field}: {value}}}"
    assert root(tmp_path, f"agents: {{root: {{model: openai/x, toolsets: [{toolset}]}}}}").toolsets


@pytest.mark.parametrize("kind", ["memory", "tasks"])
@pytest.mark.parametrize("path", ["''", ".", "x" * 5000])
def test_notes_are_not_kept_in_what_is_no_file(tmp_path: Path, kind: str, path: str) -> None:
    agent = root(tmp_path, f"agents: {{root: {{model: openai/x, toolsets: [{{type: {kind}, path: {path}}}]}}}}")
    assert any("the server's data folder is used" in warning for warning in agent.warnings)


def test_an_instruction_file_that_cannot_be_is_an_error_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"agents\.root\.instruction_file: "):
        root(tmp_path, f"agents: {{root: {{model: openai/x, instruction_file: {'x' * 5000}}}}}")
