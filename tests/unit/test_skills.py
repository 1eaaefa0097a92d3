"""Skills: where they are found, what the model is told of them, and how they are read and run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.origin import fetched_from
from flask_agent_api.formats.origin import HERE
from flask_agent_api.formats.origin import Origin
from flask_agent_api.runtime.agent import Agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.run_skill import RunSkill
from flask_agent_api.runtime.run_skill import SkillRun
from flask_agent_api.settings import Settings
from flask_agent_api.testing import model_reply
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.around import ToolAround
from flask_agent_api.tools.base import Tool
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.tools.skills import Skill
from flask_agent_api.tools.skills import SkillsToolset
from flask_agent_api.tools.skills import split_front_matter
from flask_agent_api.types import AgentSwitched
from flask_agent_api.types import Event
from flask_agent_api.types import RunRequest

COMMIT = "---\nname: commit\ndescription: Write commit messages.\n---\n\n# Commits\n\nSay why.\n"


def context() -> RunContext:
    return RunContext(Settings())


def write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "team"
    write(home, ".agents/skills/commit/SKILL.md", COMMIT)
    write(home, ".agents/skills/commit/refs/style.md", "Be brief.")
    write(home, ".agents/skills/commit/.hidden", "x")
    write(home, ".claude/skills/poem/SKILL.md", "---\r\ndescription: Usage: a poem\r\n---\r\nRhyme.\r\n")
    write(tmp_path, "secret", "secret")
    (home / ".agents/skills/commit/out").symlink_to(tmp_path / "secret")
    return home


def load(folder: Path, skills: str, more: str = "", origin: Origin = HERE) -> ModelAgent:
    """The agent of a file with these skills, written as one line of YAML."""
    write(folder, "team.yaml", f"agents: {{root: {{model: demo/demo, skills: {skills}}}}}\n{more}")
    root = load_docker_agent(folder / "team.yaml", Settings(), {}, origin).agents["root"]
    assert isinstance(root, ModelAgent)
    return root


def toolset_of(agent: ModelAgent) -> SkillsToolset:
    toolset = agent.toolsets[-1]
    assert isinstance(toolset, SkillsToolset)
    return toolset


def names_of(agent: ModelAgent) -> list[str]:
    return [skill.name for toolset in agent.toolsets for skill in toolset_of(agent).skills if toolset.kind == "skills"]


def tools_of(agent: ModelAgent) -> dict[str, Tool]:
    return {tool.name: tool for tool in toolset_of(agent).tools(context())}


def call(agent: ModelAgent, tool: str, **arguments: Any) -> str:
    return str(tools_of(agent)[tool].call(arguments, context()))


def test_skills_are_found_beside_the_file_and_told_of(folder: Path) -> None:
    agent = load(folder, "true")
    assert (names_of(agent), agent.warnings) == (["commit", "poem"], ())
    told = toolset_of(agent).instructions(context())
    assert "- commit: Write commit messages.\n- poem: Usage: a poem\n" in told
    assert "Say why" not in told
    assert list(tools_of(agent)) == ["read_skill", "read_skill_file"]
    assert all(tool.read_only for tool in tools_of(agent).values())


def test_a_skill_is_read_as_it_is_now_with_the_names_of_its_files(folder: Path) -> None:
    agent = load(folder, "true")
    assert call(agent, "read_skill", name="commit") == "# Commits\n\nSay why.\n\nFiles of this skill:\n- refs/style.md"
    assert call(agent, "read_skill", name="poem") == "Rhyme."
    write(folder, ".claude/skills/poem/SKILL.md", "---\ndescription: x\n---\nDo not rhyme.")
    assert call(agent, "read_skill", name="poem") == "Do not rhyme."


def test_files_of_a_skill_are_read_and_no_others(folder: Path) -> None:
    agent = load(folder, "true")
    assert call(agent, "read_skill_file", skill_name="commit", path="refs/style.md") == "Be brief."
    for path in ("../poem/SKILL.md", "/etc/passwd", "out", "refs", "nothing", "", "../../../team.yaml"):
        with pytest.raises(ToolError) as caught:
            call(agent, "read_skill_file", skill_name="commit", path=path)
        assert str(folder) not in str(caught.value)


@pytest.mark.parametrize("name", ["comit", "", "../commit"])
def test_an_unknown_skill_is_an_error_that_names_those_there_are(folder: Path, name: str) -> None:
    with pytest.raises(ToolError, match="only commit, poem"):
        call(load(folder, "true"), "read_skill", name=name)


@pytest.mark.parametrize(
    ("skills", "names"),
    [
        ("false", []),
        ("null", []),
        ("[]", []),
        ("[local]", ["commit", "poem"]),
        ("[commit]", ["commit"]),
        ("[local, poem]", ["poem"]),
        ("[{name: x, description: X, instructions: Do x}]", ["x"]),
        ("[{name: x, description: X, instructions: Do x}, local]", ["x", "commit", "poem"]),
        ("[{name: commit, description: X, instructions: Do x}, local]", ["commit", "poem"]),
        ("[{name: x, description: X, instructions: Do x}, commit]", ["x", "commit"]),
    ],
)
def test_a_list_mixes_sources_names_and_skills(folder: Path, skills: str, names: list[str]) -> None:
    agent = load(folder, skills)
    assert (names_of(agent), agent.warnings) == (names, ())


@pytest.mark.parametrize(
    ("skills", "warning"),
    [
        ("[commit, peom]", 'there is no skill "peom" in .agents/skills or .claude/skills, did you mean "poem"?'),
        ("[commit, 'https://skills.example.com']", "skills are not fetched, https://skills.example.com is left out"),
    ],
)
def test_what_cannot_be_had_is_a_warning(folder: Path, skills: str, warning: str) -> None:
    agent = load(folder, skills)
    assert names_of(agent) == ["commit"]
    assert warning in agent.warnings[0]


@pytest.mark.parametrize(
    ("skills", "message"),
    [
        ("yes", "skills: expected true, false or a list, found text"),
        ("{a: b}", "skills: expected true, false or a list, found a mapping"),
        ("[3]", "skills[0]: expected a name or a skill, found 3"),
        ("[a, {name: x, description: X}]", "skills[1]: a skill needs `name`, `description` and `instructions`"),
        ("[{nmae: x}]", 'skills[0].nmae: unknown field, did you mean "name"?'),
        ("[{name: x, description: X, instructions: [a]}]", "skills[0].instructions: expected text"),
        (
            "[{name: x, description: X, instructions: X, context: fork, toolsets: [web]}]",
            '`toolsets` at the top of the file has no "web"',
        ),
    ],
)
def test_mistakes_are_errors_with_their_place(folder: Path, skills: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(folder, skills)
    assert caught.value.message.startswith(f"{folder / 'team.yaml'}:1: agents.root.skills")
    assert message in caught.value.message


def test_groups_of_skills_are_shared(folder: Path) -> None:
    agent = load(
        folder,
        "false, use_skills: [git, more]",
        "skills: {git: [commit], more: [{name: x, description: X, instructions: X}], z: 1}",
    )
    assert names_of(agent) == ["x", "commit"]
    with pytest.raises(ConfigError, match=r"team\.yaml:2: skills\.z: expected true, false or a list, found 1"):
        load(folder, "false, use_skills: [z]", "skills: {z: 1}")


def test_hidden_folders_links_and_files_that_say_nothing_are_no_skills(folder: Path) -> None:
    skills = folder / ".agents" / "skills"
    write(skills, ".old/SKILL.md", COMMIT.replace("commit", "old"))
    write(skills, "mute/SKILL.md", "---\nname: mute\n---\nText.")
    write(skills, "plain/SKILL.md", "No front matter.")
    write(skills, "open/SKILL.md", "---\ndescription: Never closed.\n")
    write(skills, "binary/SKILL.md", "")
    (skills / "binary" / "SKILL.md").write_bytes(b"---\ndescription: \xff\n---\n")
    (skills / "linked").symlink_to(skills / "commit")
    (skills / "sneaky").mkdir()
    (skills / "sneaky" / "SKILL.md").symlink_to(folder.parent / "secret")
    agent = load(folder, "true")
    assert names_of(agent) == ["commit", "poem"]
    assert len(agent.warnings) == 5
    assert all("SKILL.md" in warning for warning in agent.warnings)


def test_a_place_that_leads_elsewhere_has_no_skills(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/x/SKILL.md", COMMIT)
    (tmp_path / "team" / ".agents").mkdir(parents=True)
    (tmp_path / "team" / ".agents" / "skills").symlink_to(tmp_path / "elsewhere")
    assert load(tmp_path / "team", "true").toolsets == ()


def test_of_two_skills_with_one_name_that_of_agents_counts(folder: Path) -> None:
    write(folder, ".claude/skills/commit/SKILL.md", COMMIT.replace("Write", "Never write"))
    assert toolset_of(load(folder, "true")).skills[0].description == "Write commit messages."


def test_a_file_from_elsewhere_finds_no_skills_here(folder: Path) -> None:
    elsewhere = fetched_from("https://example.com/team.yaml", Settings())
    agent = load(folder, "[local, {name: x, description: X, instructions: Do x}]", origin=elsewhere)
    assert names_of(agent) == ["x"]
    assert "remote-files" in agent.warnings[0]


def test_a_skill_can_be_asked_for_as_a_command(folder: Path) -> None:
    agent = load(folder, "true, commands: {poem: My own}")
    assert agent.commands["commit"].text("the fix") == 'Follow the skill "commit". the fix'
    assert agent.commands["commit"].description == "Write commit messages."
    assert agent.commands["poem"].text("") == "My own"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("---\na: b\n---\nText", ("a: b", "Text")),
        ("---\r\na: b\r\n--- \r\nText", ("a: b", "Text")),
        ("---\n---\n", ("", "")),
        ("Text\n---\na: b\n---", ("", "Text\n---\na: b\n---")),
        ("---\na: b", ("", "---\na: b")),
        ("", ("", "")),
    ],
)
def test_front_matter_stands_between_two_lines(text: str, parts: tuple[str, str]) -> None:
    assert split_front_matter(text) == parts


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def drop() -> str:
    """Drops."""
    return "dropped"


def count() -> int:
    """Counts."""
    return 3


def team_with(run: SkillRun, model: ScriptedModel) -> ModelAgent:
    """An agent with tools ``add`` and ``drop`` and one skill that is run."""
    team: dict[str, Agent] = {}
    skills = SkillsToolset([run.skill], "skills", RunSkill([run], "root", team))
    tools = FunctionToolset("math", [FunctionTool(add), FunctionTool(drop)])
    team["helper"] = ModelAgent("helper", ScriptedModel(), description="Helps.")
    team["root"] = root = ModelAgent(
        "root", model, instruction="Lead.", toolsets=(tools, skills), sub_agents=("helper",), team=team
    )
    return root


def run(agent: ModelAgent) -> list[Event | str]:
    """The events of a run, those that tools send among them."""
    events: list[Event | str] = []
    question = RunRequest([{"role": "user", "content": "Audit, please"}])
    for batch in agent.run(question, RunContext(Settings(), emit=events.extend)):
        events += batch
    return events


AUDIT = Skill("audit", "Audits.", "Look at everything.", is_run=True)
CALLS_AUDIT = model_reply(tool_call("run_skill", name="audit", task="the books"))


def test_a_skill_that_is_run_gives_its_result_alone() -> None:
    model = ScriptedModel(CALLS_AUDIT, model_reply("hm", tool_call("add", a=1, b=2)), "All is well.", "Done.")
    events = run(team_with(SkillRun(AUDIT), model))
    first, child, _, last = model.requests
    assert [tool["function"]["name"] for tool in first.tools] == ["transfer_task", "add", "drop", "run_skill"]
    assert "- audit: Audits. (run)" in first.messages[0]["content"]
    assert [tool["function"]["name"] for tool in child.tools] == ["transfer_task", "add", "drop"]
    system = child.messages[0]["content"]
    assert "Look at everything." in system
    assert "<task>\nthe books\n</task>" in system
    assert "Lead." not in system
    assert "Audit, please" not in str(child.messages)
    assert last.messages[-1]["content"] == "All is well."
    assert [event.target for event in events if isinstance(event, AgentSwitched)] == ["audit", "root"]
    assert "Done." in events


def test_a_skill_may_have_a_model_and_fewer_and_more_tools() -> None:
    other = ScriptedModel("All is well.")
    model = ScriptedModel(CALLS_AUDIT, "Done.")
    scoped = SkillRun(AUDIT, other, ("a*",), (FunctionToolset("more", [FunctionTool(count)]),))
    run(team_with(scoped, model))
    assert [tool["function"]["name"] for tool in other.requests[0].tools] == ["count", "add"]
    assert "helper" not in str(other.requests[0].messages)
    assert len(model.requests) == 2


def test_files_say_how_a_skill_is_run(folder: Path) -> None:
    fields = "context: fork\nallowed-tools: read_*, add\ntoolsets:\n  - web\nmodel: demo/other"
    write(folder, ".agents/skills/audit/SKILL.md", f"---\ndescription: Audits.\n{fields}\n---\nLook.")
    agent = load(folder, "[audit]", "toolsets: {web: {type: think}}")
    (run_skill, *_), others = [tools_of(agent)["run_skill"]], list(tools_of(agent))
    assert others == ["read_skill_file", "run_skill"]
    assert isinstance(run_skill, RunSkill)
    made = run_skill._runs["audit"]
    assert made.allowed == ("read_*", "add")
    assert [toolset.kind for toolset in made.toolsets] == ["think"]
    assert made.model is not None
    assert made.skill.text() == "Look."


def test_what_an_agent_says_of_its_tools_holds_for_those_of_its_skills(folder: Path) -> None:
    fork = "{name: x, description: X, instructions: X, context: fork, toolsets: [list]}"
    flags = "readonly: true, add_description_parameter: true"
    agent = load(folder, f"[{fork}], {flags}", "toolsets: {list: {type: file}}")
    run_skill = {tool.name: tool for tool in agent.toolsets[-1].tools(context())}["run_skill"]
    assert "description" in run_skill.parameters["properties"]
    assert isinstance(run_skill, ToolAround)
    assert isinstance(run_skill.tool, RunSkill)
    (toolset,) = run_skill.tool._runs["x"].toolsets
    (tool,) = toolset.tools(context())
    assert tool.name == "read_file"
    assert "description" in tool.parameters["properties"]


def test_a_model_that_cannot_be_had_leaves_the_agents_own(folder: Path) -> None:
    fork = "{name: x, description: X, instructions: X, context: fork, model: nothing}"
    agent = load(folder, f"[{fork}]")
    assert "the agent's own model is used" in agent.warnings[0]
    assert "run_skill" in tools_of(agent)
