from __future__ import annotations

import datetime
import platform
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.command_template import parse_command
from flask_agent_api.runtime.prompt import opening
from flask_agent_api.runtime.prompt import system_messages
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.types import Message

USER: Message = {"role": "user", "content": "hello"}


def agent(**fields: Any) -> ModelAgent:
    return ModelAgent("root", ScriptedModel(), **fields)


def conversation(agent: ModelAgent, messages: list[Message], tool_instructions: list[str]) -> list[Message]:
    client_says, rest = opening(agent, messages)
    return [*system_messages(agent, tool_instructions, client_says), *rest]


def system(message: Any) -> Message:
    return {"role": "system", "content": message}


def test_without_any_instruction_there_is_no_system_message() -> None:
    assert conversation(agent(), [USER], ["", "  "]) == [USER]


def test_parts_come_in_order_in_one_system_message(tmp_path: Path) -> None:
    helper = ModelAgent("helper", ScriptedModel(), description="Helps.")
    leader = agent(
        instruction=" Lead.\n",
        sub_agents=("helper",),
        team={"helper": helper},
        add_date=True,
        add_environment_info=True,
        working_dir=str(tmp_path),
    )
    client = [system("From the client."), {"role": "developer", "content": [{"type": "text", "text": "More."}]}, USER]
    first, *rest = conversation(leader, client, ["Tools one.", "", "Tools two."])
    assert rest == [USER]
    assert first["role"] == "system"
    team, lead, one, two, date, environment, *clients = first["content"].split("\n\n")
    assert "- helper: Helps." in team
    assert "transfer_task" in team
    assert (lead, one, two) == ("Lead.", "Tools one.", "Tools two.")
    assert date == f"Today is {datetime.date.today():%Y-%m-%d}."
    assert f"working directory: {tmp_path.resolve()}" in environment
    assert "git repository: no" in environment
    assert platform.system() in environment
    assert clients == ["From the client.", "More."]


def test_a_repository_is_noticed_from_below(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    messages = conversation(agent(add_environment_info=True, working_dir=str(tmp_path / "deep" / "er")), [USER], [])
    assert "git repository: yes" in messages[0]["content"]


def test_the_clients_text_stays_as_it_is() -> None:
    messages = conversation(agent(instruction=" Lead.\n"), [system("  Be brief.\n"), system(" \n"), USER], [])
    assert messages == [system("Lead.\n\n  Be brief.\n"), USER]


def test_system_messages_further_down_stay_where_they_are() -> None:
    messages = [USER, system("Later."), USER]
    assert conversation(agent(instruction="Lead."), messages, []) == [system("Lead."), *messages]


COMMANDS = {
    "fix": parse_command("Fix this:"),
    "lint": parse_command("Run the linter."),
    "say": parse_command("Say ${args}"),
    "ask": parse_command("", agent="other"),
    "echo": parse_command("${args}"),
}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("/fix the bug", "Fix this: the bug"),
        ("/fix\nthe bug\nand that", "Fix this: the bug\nand that"),
        ("/lint", "Run the linter."),
        ("  /lint ", "Run the linter."),
        ("/unknown the bug", "/unknown the bug"),
        ("fix the bug", "fix the bug"),
        ("please /fix it", "please /fix it"),
        ("/say ${env.HOME} $HOME ${args[0]}", "Say ${env.HOME} $HOME ${args[0]}"),
        ("/ask why not", "why not"),
        ("/ask", "/ask"),
        ("/echo", "/echo"),
        ("/", "/"),
        ("/ fix", "/ fix"),
        ("/FIX it", "/FIX it"),
        ("", ""),
        (None, None),
        ([{"type": "text", "text": "/fix it"}], "Fix this: it"),
        (
            [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "/fix it"}],
            [{"type": "text", "text": "Fix this: it"}, {"type": "image_url", "image_url": {"url": "x"}}],
        ),
    ],
)
def test_commands_replace_a_users_message(content: Any, expected: Any) -> None:
    messages: list[Message] = [{"role": "user", "content": content, "name": "me"}]
    assert conversation(agent(commands=COMMANDS), messages, []) == [{"role": "user", "content": expected, "name": "me"}]
    assert messages[-1]["content"] == content


def test_the_model_reads_the_same_conversation_in_each_turn() -> None:
    """A command of an earlier turn is what it was then: providers cache by prefix, and the answer fits its question."""
    first: list[Message] = [{"role": "user", "content": "/fix it"}]
    second: list[Message] = [
        *first,
        {"role": "assistant", "content": "/fix is done"},
        {"role": "user", "content": "/lint"},
    ]
    leader = agent(commands=COMMANDS)
    assert conversation(leader, second, [])[:1] == conversation(leader, first, [])
    assert [message["content"] for message in conversation(leader, second, [])] == [
        "Fix this: it",
        "/fix is done",
        "Run the linter.",
    ]


@pytest.mark.parametrize("messages", [[], [{"role": "assistant", "content": "/fix it"}]])
def test_only_a_users_message_is_a_command(messages: list[Message]) -> None:
    assert conversation(agent(commands=COMMANDS), messages, []) == messages
