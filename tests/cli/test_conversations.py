from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.conversations import client_turns
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.base import Write
from flask_agent_api.conversations.conversation import KIND
from flask_agent_api.conversations.conversation import Turn
from flask_agent_api.conversations.sqlite import SQLiteStore

from .conftest import Run

ALICE, BOB = "key:0123456789ab", "key:ba9876543210"
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"what": "x"}'}}
TURN = Turn(
    sent=[{"role": "user", "content": "what?\x1b[2J\nsecond line"}],
    added=[
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "found x"},
        {"role": "assistant", "content": "It is x."},
    ],
    answer="",
)

Keep = Callable[..., LogKey]


@pytest.fixture
def store(folder: Path) -> SQLiteStore:
    return SQLiteStore(folder / "data" / "conversations.sqlite3")


@pytest.fixture
def keep(store: SQLiteStore) -> Keep:
    def keep(id: str, principal: str = ALICE, agent: str = "root", turn: Turn = TURN, kind: str = KIND) -> LogKey:
        key = LogKey(kind, principal, agent, id)
        log = store.lease(key, "test", 30)
        store.write(key, "test", Write(log.revision, log.revision, [turn.entry()], 3600))
        return key

    return keep


@pytest.fixture
def command(run: Run, folder: Path) -> Run:
    def command(*words: str, **env: str) -> Any:
        return run("flask-agent-api", "conversations", *words, FLASK_AGENT_API_DATA_DIR=str(folder / "data"), **env)

    return command


def test_list_has_a_line_for_each_without_colours(command: Run, keep: Keep) -> None:
    keep("a")
    keep("b", BOB, "clerk")
    done = command("list")
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    size = str(len(TURN.entry()))
    assert [row[:5] for row in rows] == [["b", "clerk", BOB, "1", size], ["a", "root", ALICE, "1", size]]
    assert "\x1b" not in done.stdout
    assert command("list", "--principal", ALICE).stdout.startswith("a\t")
    assert command("list", "--model", "clerk").stdout.startswith("b\t")
    few = command("list", "--limit", "1")
    assert (few.stdout.count("\n"), few.stderr) == (1, "There are more than 1; see --limit.\n")


def test_list_says_the_same_to_programs(command: Run, keep: Keep, store: SQLiteStore) -> None:
    keep("a")
    listed = json.loads(command("list", "--json").stdout)
    [info] = store.list(KIND)
    assert listed == {
        "object": "list",
        "data": [
            {
                "id": "a", "object": "conversation", "created_at": int(info.created), "metadata": {}, "model": "root",
                "updated_at": int(info.used), "turns": 1, "bytes": info.size, "principal": ALICE,
            }
        ],
        "has_more": False,
    }  # fmt: skip


def test_list_of_nothing_is_empty(command: Run) -> None:
    done = command("list")
    assert (done.returncode, done.stdout) == (0, "")


def test_show_tells_all_and_lets_nothing_write_to_the_terminal(command: Run, keep: Keep) -> None:
    keep("a")
    done = command("show", "a")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        "", "user: what?\\x1b[2J", "  second line",
        "", 'assistant: look({"what": "x"})',
        "", "tool: found x",
        "", "assistant: It is x.",
    ]  # fmt: skip
    shown = json.loads(command("show", "a", "--json").stdout)
    assert (shown["principal"], shown["messages"]) == (ALICE, [*TURN.sent, *TURN.added])


def test_show_has_to_know_which(command: Run, keep: Keep) -> None:
    keep("a")
    keep("a", BOB)
    done = command("show", "a")
    assert done.returncode == 1
    assert ALICE in done.stderr
    assert BOB in done.stderr
    assert command("show", "a", "--principal", BOB).returncode == 0
    missing = command("show", "b")
    assert (missing.returncode, missing.stderr) == (1, "Error: There is no conversation b\n")


def test_delete_takes_what_belongs_to_it_as_well(command: Run, keep: Keep, store: SQLiteStore) -> None:
    handed_out = Turn(sent=TURN.sent, added=TURN.added[:1], answer="")
    keep("a", turn=handed_out)
    keep("call_1", kind=client_turns.KIND)
    keep("b")
    done = command("delete", "a", "--yes")
    assert (done.returncode, done.stdout) == (0, "1 conversation deleted\n")
    assert [info.key.id for info in store.list(KIND)] == ["b"]
    assert store.list(client_turns.KIND) == []


def test_delete_asks_first_and_nothing_goes_with_a_wrong_id(
    command: Run, keep: Keep, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep("a")
    assert command("delete", "a", "b", "--yes").returncode == 1
    assert command("delete").returncode == 2
    assert command("delete", "a", "--all").returncode == 2
    for answer, left in (("n\n", 1), ("", 1), ("y\n", 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        asked = command("delete", "--all")
        assert asked.returncode == left
        assert f"Delete 1 conversation of {ALICE}?" in asked.stderr
        assert len(store.list(KIND)) == left


def test_delete_all_of_a_caller(command: Run, keep: Keep, store: SQLiteStore) -> None:
    for id in "abc":
        keep(id)
    keep("a", BOB)
    assert command("delete", "--all", "--principal", ALICE, "--yes").stdout == "3 conversations deleted\n"
    assert [info.key.principal for info in store.list(KIND)] == [BOB]


def test_prune_keeps_what_was_used_last(command: Run, keep: Keep, store: SQLiteStore) -> None:
    for id in "abc":
        keep(id)
    assert command("prune").stdout == "0 conversations forgotten\n"
    assert command("prune", "--most", "2").stdout == "1 conversation forgotten\n"
    assert [info.key.id for info in store.list(KIND)] == ["c", "b"]
    assert command("prune", "--unused-for", "1").stdout == "0 conversations forgotten\n"
    store.lease(LogKey(KIND, ALICE, "root", "c"), "a run", 30)
    assert command("prune", "--unused-for", "0").stdout == "1 conversation forgotten\n"
    assert [info.key.id for info in store.list(KIND)] == ["c"]


def test_of_a_servers_memory_there_is_nothing_to_see(command: Run) -> None:
    done = command("list", FLASK_AGENT_API_STORE="memory://")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: AGENT_API_STORE is memory://")


def test_a_store_that_cannot_be_reached_is_one_message(command: Run, folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "conversations.sqlite3").write_text("no database at all" * 100)
    done = command("list")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")
