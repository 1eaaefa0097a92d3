"""docker-agent's team files become teams: what is read, what is warned of, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ModelUnavailable
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.team import Team
from flask_agent_api.settings import Settings
from flask_agent_api.tools.around import ToolsetAround
from flask_agent_api.tools.base import Toolset
from flask_agent_api.tools.narrowed import NarrowedToolset
from flask_agent_api.tools.prefixed import PrefixedToolset

DATA = Path(__file__).parent.parent / "data" / "docker_agent"
ENVIRON = {"TEAM_TOKEN": "t0k", "HOME": "/home/ann"}


def load_text(folder: Path, text: str, environ: dict[str, str] | None = None) -> Team:
    (folder / "team.yaml").write_text(text)
    return load_docker_agent(folder / "team.yaml", Settings(), environ or {})


def root_of(team: Team) -> ModelAgent:
    agent = team.agents[team.default]
    assert isinstance(agent, ModelAgent)
    return agent


def root_with(folder: Path, fields: str, environ: dict[str, str] | None = None) -> ModelAgent:
    """The agent of a file with one agent that has these fields, written as one line of YAML."""
    return root_of(load_text(folder, f"agents: {{root: {{model: demo/demo, {fields}}}}}", environ))


def config_of(toolset: Toolset) -> Any:
    return innermost(toolset).config


def innermost(toolset: Toolset) -> Any:
    """The toolset itself, without the options that its entry has."""
    while isinstance(toolset, ToolsetAround):
        toolset = toolset.toolset
    return toolset


@pytest.fixture
def team() -> Team:
    return load_docker_agent(DATA / "team.yaml", Settings(), ENVIRON)


def test_a_whole_team_loads_without_warnings(team: Team) -> None:
    assert (team.label, team.default, list(team.agents)) == ("team", "root", ["helper", "root"])
    assert team.path.endswith("team.yaml")
    assert team.warnings == ()
    for agent in team.agents.values():
        assert isinstance(agent, ModelAgent)
        assert agent.warnings == ()


def test_the_fields_of_an_agent_are_read(team: Team) -> None:
    root = root_of(team)
    assert (root.name, root.description, root.max_iterations) == ("root", "Leads", 7)
    assert (root.add_date, root.add_environment_info, root.working_dir) == (True, True, str(DATA))
    assert root.sub_agents == ("helper",)
    assert root.team["helper"] is team.agents["helper"]
    assert team.agents["helper"].description == "Helps with everything"


def test_placeholders_are_filled_in_where_the_format_has_them() -> None:
    root = root_of(load_docker_agent(DATA / "team.yaml", Settings(), {**ENVIRON, "TEAM_TOPIC": "maths"}))
    assert root.welcome_message == "Welcome to maths"
    assert root.commands["plan"].text("care") == "Make a plan for maths with care"
    assert root.commands["review"].text("now") == "Review the plan now"
    assert root.instruction == "You lead. ${env.TEAM_TOKEN} stays as it is.\n"
    remote = config_of(config_holder(root, "sse"))
    assert (remote.url, remote.headers) == ("https://search.example.com/mcp", {"Authorization": "Bearer t0k"})


def config_holder(agent: ModelAgent, transport: str) -> Toolset:
    """The toolset next to the MCP server of a transport, out of its wrappers."""
    for toolset in agent.toolsets:
        inner = innermost(toolset)
        if inner.kind == "mcp" and inner.config.transport == transport:
            return inner  # type: ignore[no-any-return]
    raise AssertionError(transport)


def test_references_to_mcps_merge_and_equal_servers_are_shared(team: Team) -> None:
    think, todo, files, loud, search = root_of(team).toolsets
    helper = team.agents["helper"]
    assert isinstance(helper, ModelAgent)
    assert (think.kind, todo.kind, search.kind) == ("think", "todo", "mcp")
    assert innermost(files) is innermost(helper.toolsets[0])
    assert innermost(loud) is not innermost(files)
    assert config_of(files).env == {"MODE": "quiet", "TOKEN": "t0k"}
    assert config_of(loud).env == {"MODE": "loud", "TOKEN": "t0k"}
    assert (config_of(files).command, config_of(files).args) == ("files-server", ("--root", "$HOME"))
    assert config_of(files).cwd == str(DATA)


def test_toolset_options_narrow_and_instruct(team: Team) -> None:
    todo = root_of(team).toolsets[1]
    assert [tool.name for tool in todo.tools(RunContext(Settings()))] == ["create_todo", "list_todos"]
    assert todo.instructions(RunContext(Settings())).endswith("Keep it short.")
    assert len(todo.instructions(RunContext(Settings()))) > len("Keep it short.") + 20


def test_agents_have_todo_lists_of_their_own_unless_shared(team: Team) -> None:
    helper = team.agents["helper"]
    assert isinstance(helper, ModelAgent)
    assert root_of(team).toolsets[1].name == "todo"
    assert helper.toolsets[1].name == "helper/todo"


def test_agents_know_who_may_take_over_and_who_always_does(tmp_path: Path) -> None:
    text = "agents:\n  root: {model: demo/demo, handoffs: [b, b], force_handoff: b}\n  b: {model: demo/demo}"
    team = load_text(tmp_path, text)
    root = root_of(team)
    assert (root.handoffs, root.force_handoff) == (("b",), "b")
    assert root.team["b"] is team.agents["b"]


def test_background_agents_are_those_of_the_team(tmp_path: Path) -> None:
    own = "toolsets: [{type: background_agents, tools: [run_background_agent, wait_background_agents]}]"
    text = f"agents:\n  root: {{model: demo/demo, sub_agents: [b], {own}}}\n  b: {{model: demo/demo, {own}}}"
    team = load_text(tmp_path, text)
    ctx = RunContext(Settings())
    run, wait = root_of(team).toolsets[0].tools(ctx)
    assert (run.name, wait.name) == ("run_background_agent", "wait_background_agents")
    assert run.parameters["properties"]["agent"]["enum"] == ["b"]
    b = team.agents["b"]
    assert isinstance(b, ModelAgent)
    assert list(b.toolsets[0].tools(ctx)) == []
    assert not root_of(team).warnings
    assert "b.toolsets: background_agents has no tools for an agent without `sub_agents`" in b.warnings[0]


def test_the_first_agent_is_the_default_where_none_is_called_root(tmp_path: Path) -> None:
    assert load_text(tmp_path, "agents: {b: {model: demo/demo}, a: {model: demo/demo}}").default == "b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "team.yaml: expected a mapping with `agents` at the top, found a list"),
        ("", "team.yaml: expected a mapping with `agents` at the top, found nothing"),
        ("models: {}", "team.yaml: `agents` must name at least one agent"),
        ("agents: {}", "team.yaml:1: agents: `agents` must name at least one agent"),
        ("agents: [a]", "team.yaml:1: agents: expected a mapping, found a list"),
        ("agents: {root: hello}", "team.yaml:1: agents.root: expected a mapping, found text"),
        ("agnets:\n  root: {}", 'team.yaml:1: agnets: unknown field, did you mean "agents"?'),
        ("agents:\n  root:\n    modle: x", 'team.yaml:3: agents.root.modle: unknown field, did you mean "model"?'),
        ("agents: {root: {subAgents: []}}", 'agents.root.subAgents: unknown field, did you mean "sub_agents"?'),
        ("agents: {root: {model: demo/demo, toolsets: think}}", "root.toolsets: expected a list, found text"),
        ("agents: {root: {model: demo/demo, toolsets: [think]}}", "toolsets[0]: expected a mapping, found text"),
        ("agents: {root: {model: demo/demo, sub_agents: a}}", "sub_agents: expected a list of texts, found text"),
        ("agents: {root: {model: demo/demo, sub_agents: [{a: b}]}}", "expected a list of texts, found a list that"),
        (
            "agents: {root: {model: demo/demo, max_iterations: -1}}",
            "max_iterations: expected a whole number, 0 or more",
        ),
        ("agents: {root: {model: demo/demo, max_iterations: yes}}", "max_iterations: expected a whole number"),
        ("agents: {root: {model: demo/demo, add_date: on}}", "add_date: expected true or false, found text"),
        ("agents: {root: {model: demo/demo, hooks: [x]}}", "hooks: expected a mapping, found a list"),
        (
            "agents: {root: {model: demo/demo, instruction: {a: b}}}",
            "instruction: expected text or a list of texts, found a mapping",
        ),
        ("agents: {root: {model: demo/demo, commands: {a: 1}}}", "commands.a: expected a prompt or a mapping"),
        ("agents: {root: {model: demo/demo, commands: [b]}}", "commands[0]: expected a mapping, found text"),
        (
            "agents:\n  root: {model: demo/demo, sub_agents: [helpr]}\n  helper: {model: demo/demo}",
            'team.yaml:2: agents.root.sub_agents: there is no agent "helpr", did you mean "helper"?',
        ),
        ("agents: {root: {model: demo/demo, sub_agents: [zzz]}}", 'no agent "zzz"; the agents are root'),
        (
            "agents: {root: {model: demo/demo, handoffs: [zzz]}}",
            'handoffs: there is no agent "zzz"; the agents are root',
        ),
        (
            "agents:\n  root: {model: demo/demo}\n  b: {model: demo/demo, force_handoff: rot}",
            'team.yaml:3: agents.b.force_handoff: there is no agent "rot", did you mean "root"?',
        ),
        ("agents: {a: {model: demo/demo, force_handoff: a}}", "would never end: a -> a"),
        (
            "agents:\n  a: {model: demo/demo, force_handoff: b}\n  b: {model: demo/demo, force_handoff: c}\n"
            "  c: {model: demo/demo, force_handoff: b}",
            "team.yaml:2: agents.a.force_handoff: the conversation would never end: a -> b -> c -> b",
        ),
        ("agents: {root: {model: clod}}\nmodels: {cloud: {provider: demo, model: demo}}", 'did you mean "cloud"?'),
        ("agents: {root: {model: nothing}}", 'agents.root.model: there is no model "nothing"; `models` defines names'),
        ("agents: {root: {model: opnai/gpt-4o}}", 'did you mean "openai"?'),
        ("agents: {root: {model: a}}\nmodels: {a: {model: x}}", "models.a: a model needs `provider` and `model`"),
        (
            "agents: {root: {model: demo/demo}}\nmodels:\n  a: {provider: demo, model: x, temprature: 1}",
            'team.yaml:3: models.a.temprature: unknown field, did you mean "temperature"?',
        ),
        (
            "agents: {root: {model: demo/demo}}\nmodels: {a: {provider: demo, model: x, temperature: 3}}",
            "models.a.temperature: expected a number from 0 to 2, found 3",
        ),
        (
            "agents: {root: {model: demo/demo}}\nmodels: {a: {provider: demo, model: x, max_tokens: 0}}",
            "models.a.max_tokens: expected a whole number, 1 or more, found 0",
        ),
        (
            "agents: {root: {model: demo/demo}}\nproviders: {a: {base_url: x, api_type: soap}}",
            "providers.a.api_type: expected one of openai_chatcompletions, openai_responses",
        ),
        ("agents: {root: {model: demo/demo}}\nevaluators: {a: {}}", "team.yaml:2: evaluators: evaluators decide over"),
        (
            "agents: {root: {model: demo/demo}}\nworkflows: {a: []}",
            "team.yaml:2: workflows: workflows are not supported",
        ),
        ("agents: {root: {model: demo/demo}}\nmetadata: {auhtor: x}", "metadata.auhtor: unknown field, did you mean"),
        ("agents: {root: {model: demo/demo}}\npermissions: {alow: []}", "permissions.alow: unknown field, did you"),
        ("agents: {root: {model: demo/demo}}\nmcps: {a: {comand: x}}", "mcps.a.comand: unknown field, did you mean"),
    ],
)
def test_mistakes_are_errors_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text)
    assert caught.value.message.startswith(str(tmp_path / "team.yaml"))
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("toolset", "message"),
    [
        ("{}", "toolsets[0]: a toolset needs a `type`"),
        ("{type: thnik}", 'toolsets[0].type: unknown type of toolset "thnik", did you mean "think"?'),
        ("{type: shell, path: x}", 'path: not a field of "shell" toolsets, only of file, memory, tasks'),
        ("{type: think, shared: true}", 'shared: not a field of "think" toolsets, only of todo'),
        ("{type: think, tolos: [x]}", 'tolos: unknown field, did you mean "tools"?'),
        ("{type: filesystem, post_edit: x}", "post_edit: expected a list, found text"),
        ("{type: fetch, timeout: 0}", "timeout: expected a whole number, 1 or more"),
        ("{type: mcp}", "needs exactly one of `command`, `remote` and `ref`"),
        ("{type: mcp, command: x, remote: {url: 'http://x'}}", "needs exactly one of `command`, `remote` and `ref`"),
        ("{type: mcp, command: x, args: y}", "args: expected a list of texts, found text"),
        ("{type: mcp, command: x, env: {A: [1]}}", "env: expected a mapping of names to texts"),
        ("{type: mcp, ref: flies}", 'ref: there is no MCP server "flies", did you mean "files"?'),
        ("{type: mcp, remote: {url: ftp://x}}", "remote.url: expected a URL that begins with http"),
        ("{type: mcp, remote: {}}", "remote.url: expected a URL"),
        ("{type: mcp, remote: {url: 'http://x', header: {}}}", 'header: unknown field, did you mean "headers"?'),
        ("{type: python}", "a python toolset needs `tools`"),
        ("{type: python, tools: [no_such_module:x]}", "tools: "),
    ],
)
def test_wrong_toolsets_are_errors_with_their_place(tmp_path: Path, toolset: str, message: str) -> None:
    text = f"mcps: {{files: {{command: x}}}}\nagents:\n  root: {{model: demo/demo, toolsets: [{toolset}]}}"
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text)
    assert caught.value.message.startswith(f"{tmp_path / 'team.yaml'}:3: agents.root.toolsets[0]")
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ("compaction_threshold: 0", "agents.root.compaction_threshold: not supported yet"),
        ("frobnicate: 1", "agents.root.frobnicate: unknown field, it has no effect"),
        ("toolsets: [{type: scheduler}]", 'toolsets[0].type: "scheduler" toolsets do not work here'),
        ("code_mode_tools: true", "code_mode_tools: no effect: scripts of a model are not run here"),
        ("toolsets: [{type: telepathy}]", 'toolsets[0].type: unknown type of toolset "telepathy"'),
        ("toolsets: [{type: mcp, ref: 'npm:duckduckgo'}]", '"npm:duckduckgo" is left out'),
        ("toolsets: [{type: mcp, command: x, env: {A: $NOT_SET}}]", "env.A: NOT_SET is not set in the environment"),
        ("toolsets: [{type: mcp, command: x, working_dir: $NOT_SET/x}]", "working_dir: NOT_SET is not set"),
        ("toolsets: [{type: mcp, remote: {url: 'http://${env.NOT_SET}/'}}]", "remote.url: NOT_SET is not set"),
        ("toolsets: [{type: mcp, remote: {url: 'http://${headers.B}/'}}]", "${headers.B} is not supported yet"),
        ("sub_agents: [agentcatalog/pirate]", '"agentcatalog/pirate" is left out'),
        ("sub_agents: ['https://example.com/a.yaml']", "is left out"),
        ("sub_agents: ['name:ref']", '"name:ref" is left out'),
        ("handoffs: [agentcatalog/pirate]", '"agentcatalog/pirate" is left out'),
        ("force_handoff: agentcatalog/pirate", '"agentcatalog/pirate" is left out'),
        ("description: 'a ${env.NOT_SET}'", "description: NOT_SET is not set"),
    ],
)
def test_what_is_not_supported_is_a_warning_and_left_out(tmp_path: Path, fields: str, warning: str) -> None:
    agent = root_with(tmp_path, fields)
    (only,) = agent.warnings
    assert only.startswith(f"{tmp_path / 'team.yaml'}:1: ")
    assert warning in only
    assert (agent.sub_agents, agent.handoffs, agent.force_handoff) == ((), (), "")
    assert [toolset.kind for toolset in agent.toolsets] in ([], ["think"])


def test_a_header_of_an_unset_variable_is_sent_without_it(tmp_path: Path) -> None:
    fields = "toolsets: [{type: mcp, remote: {url: 'http://x', headers: {A: 'Bearer ${env.NOT_SET}'}}}]"
    agent = root_with(tmp_path, fields)
    assert config_of(agent.toolsets[0]).headers == {"A": "Bearer "}
    assert "NOT_SET is not set in the environment, it is sent empty" in agent.warnings[0]


def test_headers_of_the_request_are_filled_in_by_run(tmp_path: Path) -> None:
    value = "${env.ZONE}/${headers.X-User}"
    fields = f"toolsets: [{{type: mcp, remote: {{url: 'http://x', headers: {{A: '{value}', B: c}}}}}}]"
    for settings in (
        Settings(forward_headers=("x-user",)),
        Settings(agent_options={"o": {"forward_headers": ("x-user",)}}),
    ):
        (tmp_path / "team.yaml").write_text(f"agents: {{root: {{model: demo/demo, {fields}}}}}")
        agent = root_of(load_docker_agent(tmp_path / "team.yaml", settings, {"ZONE": "${headers.X-User}"}))
        config = config_of(agent.toolsets[0])
        assert (config.headers, config.request_headers["A"].fill({"x-user": "ann"})) == (
            {"B": "c"},
            "${headers.X-User}/ann",
        )
        assert agent.warnings == ()
    (warning,) = root_with(tmp_path, fields, {"ZONE": ""}).warnings
    assert "headers.A: AGENT_API_FORWARD_HEADERS does not name x-user, so it is never passed on" in warning


def test_unsupported_parts_of_the_file_are_warnings_of_the_team(tmp_path: Path) -> None:
    team = load_text(tmp_path, "version: 99\nagents: {root: {model: demo/demo}}\nruntime: {sandbox: a}\nfrobs: 1")
    assert [warning.rsplit("team.yaml", 1)[1] for warning in team.warnings] == [
        ":4: frobs: unknown field, it has no effect",
        ":1: version: newer than 16, the newest version that is known here",
        ":3: runtime.sandbox: not supported yet, it has no effect",
    ]


def test_fields_of_old_versions_are_migrated(tmp_path: Path) -> None:
    text = """
env: {TOPIC: old, FILE_ONLY: file}
env_file: .env
agents: {root: {model: m, think: true, todo: true, description: '${env.TOPIC} ${env.FILE_ONLY}'}}
models: {m: {type: demo, model: demo}}
"""
    team = load_text(tmp_path, text, {"TOPIC": "new"})
    agent = root_of(team)
    assert [toolset.kind for toolset in agent.toolsets] == ["think", "todo"]
    assert agent.description == "new file"
    assert ["version 0" in warning for warning in agent.warnings] == [True, True]
    assert "env: from version 1 of the format" in team.warnings[0]
    assert "env_file: from version 1 of the format, not read" in team.warnings[1]
    assert "models.m.type: from version 0 of the format" in team.warnings[2]


def test_read_only_agents_keep_tools_without_effect(tmp_path: Path) -> None:
    agent = root_with(tmp_path, "readonly: true, toolsets: [{type: todo}, {type: filesystem}]")
    todo, files = ({tool.name for tool in toolset.tools(RunContext(Settings()))} for toolset in agent.toolsets)
    assert "create_todo" in todo
    assert "read_file" in files
    assert files.isdisjoint({"write_file", "edit_file", "create_directory", "remove_directory"})


def test_a_definition_says_read_only_for_all_that_refer_to_it(tmp_path: Path) -> None:
    text = (
        "mcps: {a: {command: x, readonly: true}}\nagents: {root: {model: demo/demo, toolsets: [{type: mcp, ref: a}]}}"
    )
    (toolset,) = root_of(load_text(tmp_path, text)).toolsets
    assert isinstance(toolset, NarrowedToolset)


def test_named_mcp_servers_prefix_their_tools(tmp_path: Path) -> None:
    agent = root_with(tmp_path, "toolsets: [{type: mcp, name: web, command: x, tools: [web_find, get]}]")
    assert isinstance(agent.toolsets[0], PrefixedToolset)
    assert config_of(agent.toolsets[0]).name == "web"


def test_python_tools_come_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker_agent_tools.py").write_text(
        'def roll(sides: int) -> int:\n    """Rolls."""\n    return sides\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    agent = root_with(tmp_path, "toolsets: [{type: python, tools: ['docker_agent_tools:roll'], instruction: Roll.}]")
    (toolset,) = agent.toolsets
    assert [tool.name for tool in toolset.tools(RunContext(Settings()))] == ["roll"]
    assert toolset.instructions(RunContext(Settings())) == "Roll."


@pytest.mark.parametrize(
    ("written", "text"),
    [("7", "7"), ("1.10", "1.10"), ("007", "007"), ("0x1F", "0x1F"), ("1e3", "1e3"), ("true", "true"), ("'7'", "7")],
)
def test_numbers_and_switches_are_text_where_text_is_expected(tmp_path: Path, written: str, text: str) -> None:
    team = load_text(
        tmp_path,
        f"metadata: {{author: {written}}}\nmodels: {{it: {{provider: demo, model: {written}}}}}\nagents: {{root: {{"
        f"model: it, description: {written}, instruction: [{written}], welcome_message: {written}, toolsets: "
        f"[{{type: mcp, command: {written}, args: [{written}], env: {{A: {written}}}}}]}}}}",
    )
    agent = root_of(team)
    assert (agent.description, agent.instruction, agent.welcome_message) == (text, text, text)
    assert agent.model.name == text
    config = config_of(agent.toolsets[0])
    assert (config.command, list(config.args), config.env["A"]) == (text, [text], text)
    assert not team.warnings
    assert not agent.warnings


def test_a_model_that_is_a_number_is_a_name_like_any_other(tmp_path: Path) -> None:
    team = "models: {4: {provider: demo, model: demo}}\nagents: {root: {model: 4}}"
    assert root_of(load_text(tmp_path, team)).model.name == "demo"
    with pytest.raises(ConfigError, match='there is no model "4"'):
        load_text(tmp_path, "agents: {root: {model: 4}}")


def test_an_agent_without_a_usable_model_loads_and_answers_503(tmp_path: Path) -> None:
    for fields in ("harness: {type: codex}", "model: amazon-bedrock/claude"):
        agent = root_of(load_text(tmp_path, f"agents: {{root: {{{fields}}}}}"))
        with pytest.raises(ModelUnavailable) as caught:
            list(agent.model.stream(ModelRequest([{"role": "user", "content": "hi"}])))
        assert caught.value.status == 503


def test_a_coding_program_as_agent_is_one_warning_that_says_what_becomes_of_requests(tmp_path: Path) -> None:
    (warning,) = root_of(load_text(tmp_path, "agents: {root: {harness: {type: codex}}}")).warnings
    assert "harness: coding programs are not run here as agents; every request to this one is answered with" in warning


def test_an_unknown_provider_is_a_warning_and_answers_503(tmp_path: Path) -> None:
    agent = root_of(load_text(tmp_path, "agents: {root: {model: wonderland/alice}}"))
    assert 'agents.root.model: unknown provider "wonderland"' in agent.warnings[0]
    with pytest.raises(ModelUnavailable, match="wonderland"):
        list(agent.model.stream(ModelRequest([{"role": "user", "content": "hi"}])))
