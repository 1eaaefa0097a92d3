"""What an agent of a docker-agent file is told: in the file itself, and in others beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.document import readings
from flask_agent_api.formats.origin import fetched_from
from flask_agent_api.formats.origin import HERE
from flask_agent_api.formats.origin import Origin
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.prompt import system_messages
from flask_agent_api.runtime.prompt_files import files_below
from flask_agent_api.runtime.prompt_files import MAX_LISTED
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.types import RunRequest

ELSEWHERE = fetched_from("https://example.com/team.yaml", Settings())


def load(folder: Path, fields: str, origin: Origin = HERE) -> ModelAgent:
    """The agent of a file with these fields, written as one line of YAML."""
    (folder / "team.yaml").write_text(f"agents: {{root: {{model: demo/demo, {fields}}}}}")
    root = load_docker_agent(folder / "team.yaml", Settings(), {}, origin).agents["root"]
    assert isinstance(root, ModelAgent)
    return root


def prompt(agent: ModelAgent) -> str:
    """The system message that the agent's model gets in a run."""
    model = ScriptedModel("Hi.")
    running = ModelAgent("root", model, instruction=agent.instruction, prompt_files=agent.prompt_files)
    list(running.run(RunRequest([{"role": "user", "content": "hi"}]), RunContext(Settings())))
    first = model.requests[0].messages[0]
    return str(first["content"]) if first["role"] == "system" else ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "team"
    (home / "prompts").mkdir(parents=True)
    (home / "prompts" / "one.md").write_text("\nOne ${env.HOME}.\n\n")
    (home / "two.md").write_text("Two.")
    (tmp_path / "secret.md").write_text("Secret.")
    (home / "out.md").symlink_to(tmp_path / "secret.md")
    return home


@pytest.mark.parametrize(
    ("fields", "instruction"),
    [
        ("instruction: [One., Two.]", "One.\n\nTwo."),
        ("instruction_file: two.md", "Two."),
        ("instruction_file: [prompts/one.md, two.md]", "One ${env.HOME}.\n\nTwo."),
        ("instruction_file: []", ""),
        ("instruction_file: ''", ""),
        ("instruction: Be., instruction_file: null", "Be."),
    ],
)
def test_instructions_may_stand_in_other_files(folder: Path, fields: str, instruction: str) -> None:
    agent = load(folder, fields)
    assert (agent.instruction, agent.warnings) == (instruction, ())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("instruction: Be., instruction_file: two.md", "`instruction` or `instruction_file`, not both"),
        ("instruction_file: three.md", 'instruction_file: "three.md": there is no such file'),
        ("instruction_file: prompts", '"prompts": there is no such file'),
        ("instruction_file: ../secret.md", '"../secret.md": only files in the folder can be named'),
        ("instruction_file: /etc/hostname", "only files in the folder can be named"),
        ("instruction_file: [two.md, out.md]", '"out.md": the path leads out of the folder'),
        ("instruction_file: {a: b}", "instruction_file: expected text or a list of texts, found a mapping"),
        ("instruction_file: 7", '"7": there is no such file'),
    ],
)
def test_wrong_instruction_files_are_errors_with_their_place(folder: Path, fields: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(folder, fields)
    assert caught.value.message.startswith(f"{folder / 'team.yaml'}:1: agents.root.instruction_file: ")
    assert message in caught.value.message


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (1024 * 1024 + 1)])
def test_an_instruction_file_that_is_no_text_of_a_sane_size_is_an_error(folder: Path, content: bytes) -> None:
    (folder / "two.md").write_bytes(content)
    with pytest.raises(ConfigError, match=r"agents\.root\.instruction_file: .*two\.md"):
        load(folder, "instruction_file: two.md")


def test_an_edit_of_an_instruction_file_counts_as_one_of_the_team(folder: Path) -> None:
    with readings() as files:
        load(folder, "instruction_file: two.md")
    assert folder / "two.md" in files


def test_prompt_files_end_the_prompt_and_are_read_anew_for_each_run(folder: Path) -> None:
    agent = load(folder, "instruction: Be., add_prompt_files: [prompts/one.md, two.md, prompts/one.md]")
    assert prompt(agent) == "Be.\n\nOne ${env.HOME}.\n\nTwo."
    (folder / "two.md").write_text("Two and a half.")
    assert prompt(agent) == "Be.\n\nOne ${env.HOME}.\n\nTwo and a half."
    (folder / "two.md").unlink()
    assert prompt(agent) == "Be.\n\nOne ${env.HOME}."
    (folder / "two.md").symlink_to(folder.parent / "secret.md")
    assert prompt(agent) == "Be.\n\nOne ${env.HOME}."


def test_prompt_files_come_behind_date_and_environment_and_before_the_client(folder: Path) -> None:
    agent = load(folder, "instruction: Be., add_date: true, add_environment_info: true, add_prompt_files: [two.md]")
    (message,) = system_messages(agent, ["Tools."], ["The client."])
    parts = [part.splitlines()[0].split()[0] for part in message["content"].split("\n\n")]
    assert parts == ["Be.", "Tools.", "Today", "Environment:", "Two.", "The"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("NO.md", "there is no such file"),
        ("../secret.md", "only files in the folder"),
        ("/etc/hostname", "only files in the folder"),
        ("out.md", "leads out of the folder"),
        ("prompts", "it is not a file"),
    ],
)
def test_a_prompt_file_that_is_not_there_is_a_warning(folder: Path, name: str, reason: str) -> None:
    agent = load(folder, f"add_prompt_files: ['{name}']")
    (warning,) = agent.warnings
    assert f'add_prompt_files: "{name}" in the folder of this file adds nothing: ' in warning
    assert reason in warning
    assert prompt(agent) == ""


def test_a_prompt_file_may_come_later(folder: Path) -> None:
    agent = load(folder, "add_prompt_files: [LATER.md]")
    (folder / "LATER.md").write_text("Now.")
    assert prompt(agent) == "Now."


def test_files_further_down_are_listed_but_not_read(folder: Path) -> None:
    for path in ("a/AGENTS.md", "a/b/AGENTS.md", "a/b/c/AGENTS.md", ".git/AGENTS.md", "node_modules/x/AGENTS.md"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"Text of {path}")
    (folder / "AGENTS.md").write_text("Top.")
    (folder / "link").symlink_to(folder / "a")
    agent = load(folder, "add_prompt_files: [AGENTS.md], add_prompt_files_depth: 2")
    top, listed = prompt(agent).split("\n\n")
    assert top == "Top."
    assert listed.splitlines()[1:] == ["- a/AGENTS.md", "- a/b/AGENTS.md"]


def test_no_more_files_are_listed_than_a_model_can_do_with(tmp_path: Path) -> None:
    for number in range(MAX_LISTED + 5):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "A.md").touch()
    assert len(files_below(tmp_path, ["A.md"], 1)) == MAX_LISTED


def test_files_from_elsewhere_read_no_files_of_this_machine(folder: Path) -> None:
    with pytest.raises(ConfigError, match="remote-files"):
        load(folder, "instruction_file: two.md", ELSEWHERE)
    agent = load(folder, "add_prompt_files: [two.md]", ELSEWHERE)
    assert "remote-files" in agent.warnings[0]
    assert prompt(agent) == ""
