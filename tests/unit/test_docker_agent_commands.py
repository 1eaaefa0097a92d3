"""The commands of docker-agent's files: where they may stand, and what is warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import Agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import model_reply
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.types import AgentSwitched
from flask_agent_api.types import ClientToolCalls
from flask_agent_api.types import Event
from flask_agent_api.types import Message
from flask_agent_api.types import RunRequest


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> ModelAgent:
    """The agent ``root`` of a file."""
    (folder / "team.yaml").write_text(text)
    root = load_docker_agent(folder / "team.yaml", Settings(), environ or {}).agents["root"]
    assert isinstance(root, ModelAgent)
    return root


def with_commands(folder: Path, commands: str, environ: dict[str, str] | None = None) -> ModelAgent:
    """An agent with these commands, written as one line of YAML."""
    return load(folder, f"agents: {{root: {{model: demo/demo, commands: {commands}}}}}", environ)


@pytest.mark.parametrize(
    "commands",
    [
        "{df: Check the disk, ls: {description: Lists, instruction: List files}}",
        "[{df: Check the disk}, {ls: {description: Lists, instruction: List files}}]",
        "[{df: Check the disk, ls: {description: Lists, instruction: List files}}]",
        "{/df: Check the disk, /ls: {description: Lists, instruction: List files}}",
    ],
)
def test_all_forms_say_the_same(tmp_path: Path, commands: str) -> None:
    agent = with_commands(tmp_path, commands)
    assert {name: command.text("") for name, command in agent.commands.items()} == {
        "df": "Check the disk",
        "ls": "List files",
    }
    assert [command.description for command in agent.commands.values()] == ["", "Lists"]
    assert agent.warnings == ()


@pytest.mark.parametrize("commands", ["{}", "[]", "null", "[{}]"])
def test_there_may_be_none(tmp_path: Path, commands: str) -> None:
    assert with_commands(tmp_path, commands).commands == {}


def test_variables_are_filled_in_when_the_file_is_read(tmp_path: Path) -> None:
    agent = with_commands(tmp_path, "{hi: '$WHO and ${env.WHO} and ${env.NOT || \"x\"}'}", {"WHO": "Ann"})
    assert agent.commands["hi"].text("") == "Ann and Ann and x"


@pytest.mark.parametrize(
    ("commands", "warning"),
    [
        ("{a: '${env.NOT_SET} x'}", "commands.a: NOT_SET is not set in the environment, it is left empty"),
        ("{a: 'x ${shell({cmd: 1})}'}", "commands.a: ${shell({cmd: 1})} stays as it is"),
        ("{a: 'x !shell(cmd=1)'}", "commands.a: !shell(...) stays as it is"),
        ("{a: {instruction: 'x !shell(cmd=1)'}}", "commands.a.instruction: !shell(...) stays as it is"),
        ("{a: {instruction: x, url: 'http://x'}}", "commands.a.url: not supported yet"),
        ("{a: {instruction: x, agent: cat/pirate}}", '"cat/pirate" does not take over'),
    ],
)
def test_what_is_not_done_is_a_warning(tmp_path: Path, commands: str, warning: str) -> None:
    agent = with_commands(tmp_path, commands)
    assert any(warning in text for text in agent.warnings), agent.warnings
    assert "x" in agent.commands["a"].text("")


GROUPS = """
agents:
  root: {model: demo/demo, use_commands: [git, disk], commands: {status: Own}}
  other: {model: demo/demo}
commands:
  git: {status: Git status, log: Git log}
  disk: [{log: Disk log}, {df: {instruction: Disk free, description: Shows}}]
  unused: {rm: Remove}
"""


def test_groups_are_added_behind_the_agents_own(tmp_path: Path) -> None:
    texts = {name: command.text("") for name, command in load(tmp_path, GROUPS).commands.items()}
    assert texts == {"status": "Own", "log": "Git log", "df": "Disk free"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GROUPS.replace("[git", "[gti"), 'use_commands: `commands` at the top of the file has no "gti", did you mean'),
        (GROUPS.replace("[git", "[zzz"), 'has no "zzz"; there are git, disk, unused'),
        ("agents: {root: {model: demo/demo, use_commands: [a]}}", '`commands` at the top of the file has no "a"'),
        ("agents: {root: {model: demo/demo, use_commands: a}}", "use_commands: expected a list of texts, found text"),
        (GROUPS.replace("Git log", "7"), "team.yaml:6: commands.git.log: expected a prompt or a mapping"),
        (GROUPS.replace("[{log: Disk log}", "[log"), "commands.disk[0]: expected a mapping, found text"),
        (
            "agents: {root: {model: demo/demo, commands: {a: {agent: rot}}}}",
            'commands.a.agent: there is no agent "rot", did you mean "root"?',
        ),
    ],
)
def test_mistakes_are_errors_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert message in caught.value.message


def test_a_run_gets_the_prompt(tmp_path: Path) -> None:
    declared = with_commands(tmp_path, "{fix: 'Fix ${args[0]} in ${args[1] || \"all files\"}'}")
    model = ScriptedModel("Done.")
    agent = ModelAgent("root", model, commands=declared.commands)
    list(agent.run(RunRequest([{"role": "user", "content": "/fix 'two bugs'"}]), RunContext(Settings())))
    assert model.requests[0].messages == [{"role": "user", "content": "Fix two bugs in all files"}]


TEAM = """
agents:
  root:
    model: demo/demo
    commands: {plan: {agent: planner, instruction: 'Plan: ${args}'}, ask: {agent: planner}, fix: Fix}
  planner: {model: demo/demo, commands: {fix: Never}}
"""


def run_team(folder: Path, *texts: str) -> tuple[ScriptedModel, ScriptedModel, list[Event | str]]:
    """The models of root and planner, and the events, of a conversation in which the user says these texts."""
    declared = load(folder, TEAM)
    models = ScriptedModel("root", "root"), ScriptedModel("planner", "planner")
    team: dict[str, Agent] = {}
    team["root"] = root = ModelAgent("root", models[0], commands=declared.commands, team=team)
    planner = declared.team["planner"]
    assert isinstance(planner, ModelAgent)
    team["planner"] = ModelAgent("planner", models[1], instruction="Plan.", commands=planner.commands, team=team)
    messages: list[Message] = []
    for text in texts:
        messages += [{"role": "user", "content": text}, {"role": "assistant", "content": "ok"}]
    batches = list(root.run(RunRequest(messages[:-1]), RunContext(Settings())))
    return *models, [event for batch in batches for event in batch]


@pytest.mark.parametrize(("typed", "read"), [("/plan a trip", "Plan: a trip"), ("/ask a trip", "a trip")])
def test_a_command_may_go_to_another_agent_for_one_turn(tmp_path: Path, typed: str, read: str) -> None:
    root, planner, events = run_team(tmp_path, "/fix it", typed)
    assert root.requests == []
    assert [message["content"] for message in planner.requests[0].messages] == ["Plan.", "Fix it", "ok", read]
    assert AgentSwitched("root", "planner", "handoff", 0) in events
    assert "planner" in events


def test_the_next_turn_is_the_agents_own_again(tmp_path: Path) -> None:
    root, planner, events = run_team(tmp_path, "/plan a trip", "thanks")
    assert planner.requests == []
    assert [message["content"] for message in root.requests[0].messages] == ["Plan: a trip", "ok", "thanks"]
    assert not any(isinstance(event, AgentSwitched) for event in events)


def test_the_other_agent_goes_on_after_a_call_of_the_clients(tmp_path: Path) -> None:
    """The client comes back with a result: the last that the user said is still the command."""
    declared = load(tmp_path, TEAM)
    model = ScriptedModel(model_reply(tool_call("look")), "seen")
    team: dict[str, Agent] = {"planner": ModelAgent("planner", model)}
    root = ModelAgent("root", ScriptedModel(), commands=declared.commands, team=team)
    messages: list[Message] = [{"role": "user", "content": "/plan a trip"}]
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    ctx = RunContext(Settings())
    calls = [event for batch in root.run(RunRequest(messages, tools=tools), ctx) for event in batch]
    handed = next(event for event in calls if isinstance(event, ClientToolCalls))
    call = {"id": handed.calls[0].id, "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages += [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "a view"},
    ]
    events = [event for batch in root.run(RunRequest(messages, tools=tools), RunContext(Settings())) for event in batch]
    assert "seen" in events
    assert model.requests[1].messages[0] == {"role": "user", "content": "Plan: a trip"}
