"""Conversations of a real server with two workers, as the official client and the command line see them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.support import Server

KEYS = {"alice": "alice-0123456789abcdef", "bob": "bob-0123456789abcdef"}

APP = """
from flask_agent_api import agents, create_app


@agents.agent("echo")
def echo(messages):
    yield f"{len(messages)} messages"


app = create_app()
"""


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    store = tmp_path_factory.mktemp("store") / "conversations.sqlite3"
    return {"FLASK_AGENT_API_STORE": f"sqlite:///{store}", "FLASK_AGENT_API_KEYS": ",".join(KEYS.values())}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, env: dict[str, str]) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("kept"), {"app.py": APP}, "-w", "2", env=env) as running:
        yield running


@pytest.fixture
def alice(sdk: openai.OpenAI, server: Server) -> openai.OpenAI:
    return sdk.with_options(base_url=server.url, api_key=KEYS["alice"])


@pytest.fixture
def bob(sdk: openai.OpenAI, server: Server) -> openai.OpenAI:
    return sdk.with_options(base_url=server.url, api_key=KEYS["bob"])


def ask(client: openai.OpenAI, id: str, text: str) -> str | None:
    answer = client.chat.completions.create(
        model="echo", messages=[{"role": "user", "content": text}], extra_headers={"X-Conversation-Id": id}
    )
    return answer.choices[0].message.content


def test_the_official_client_finds_and_deletes_a_conversation(alice: openai.OpenAI) -> None:
    assert [ask(alice, "trip", text) for text in ("one", "two")] == ["1 messages", "3 messages"]
    found = alice.conversations.retrieve("trip")
    assert (found.id, found.object, found.metadata) == ("trip", "conversation", {})
    assert [message["content"] for message in found.messages] == ["one", "1 messages", "two", "3 messages"]
    deleted = alice.conversations.delete("trip")
    assert (deleted.id, deleted.deleted) == ("trip", True)
    with pytest.raises(openai.NotFoundError) as gone:
        alice.conversations.retrieve("trip")
    assert gone.value.code == "conversation_not_found"
    assert ask(alice, "trip", "again") == "1 messages"


def test_nobody_finds_anothers(alice: openai.OpenAI, bob: openai.OpenAI) -> None:
    ask(alice, "hers", "one")
    for attempt in (bob.conversations.retrieve, bob.conversations.delete):
        with pytest.raises(openai.NotFoundError) as theirs:
            attempt("hers")
        with pytest.raises(openai.NotFoundError) as nobodys:
            attempt("nobodys")
        assert theirs.value.body == nobodys.value.body
    assert alice.conversations.retrieve("hers").id == "hers"


@pytest.mark.slow
@pytest.mark.parametrize("words", [["flask-agent-api"], ["flask", "--app", "app", "agent-api"]], ids=["own", "flask"])
def test_the_command_line_looks_into_what_a_server_keeps(
    words: list[str], alice: openai.OpenAI, server: Server, env: dict[str, str]
) -> None:
    ask(alice, "seen", "one")
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def run(*rest: str) -> str:
        done = subprocess.run(
            [*words, "conversations", *rest],
            cwd=server.folder, env={**os.environ, **env, **path}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert not any(key in done.stdout + done.stderr for key in KEYS.values())
        return done.stdout

    assert "\nseen\techo\tkey:" in f"\n{run('list')}"
    assert "user: one\n\nassistant: 1 messages\n" in run("show", "seen")
    assert run("delete", "seen", "--yes") == "1 conversation deleted\n"
    with pytest.raises(openai.NotFoundError):
        alice.conversations.retrieve("seen")
