"""The toolset ``memory``: what it keeps, for whom, and where."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import Principal
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.base import Toolset
from flask_agent_api.tools.keeping import memory
from flask_agent_api.tools.keeping.memory import MemoryToolset
from flask_agent_api.tools.keeping.records import RecordFile
from flask_agent_api.tools.keeping.records import Shelf

NOTES = MemoryToolset(RecordFile("memory/team/memory.db"))


@pytest.fixture
def ctx(tmp_path: Path) -> RunContext:
    return RunContext(Settings(data_dir=str(tmp_path / "data")))


def call(ctx: RunContext, name: str, toolset: Toolset = NOTES, **arguments: Any) -> str:
    tool = next(tool for tool in toolset.tools(ctx) if tool.name == name)
    result = tool.call(arguments, ctx)
    assert isinstance(result, str)
    return result


def add(ctx: RunContext, note: str, toolset: Toolset = NOTES, **arguments: Any) -> str:
    said = call(ctx, "add_memory", toolset, memory=note, **arguments)
    assert said.startswith("Memory added successfully with ID: ")
    return said.rpartition(" ")[2]


def notes(ctx: RunContext, name: str = "get_memories", toolset: Toolset = NOTES, **arguments: Any) -> list[str]:
    return [note["memory"] for note in json.loads(call(ctx, name, toolset, **arguments))]


def of(ctx: RunContext, principal: str) -> RunContext:
    return replace(ctx, principal=Principal(principal))


def test_notes_outlast_a_run(ctx: RunContext) -> None:
    id_ = add(ctx, "likes tea", category="preference")
    add(ctx, "lives in Łódź")
    later = RunContext(ctx.settings)
    told = json.loads(call(later, "get_memories"))
    assert [note["memory"] for note in told] == ["lives in Łódź", "likes tea"]
    assert told[1]["id"] == id_
    assert told[1]["category"] == "preference"
    assert set(told[0]) == {"id", "created_at", "memory"}


def test_notes_are_changed_and_deleted_by_id(ctx: RunContext) -> None:
    first, second = add(ctx, "likes tea", category="preference"), add(ctx, "is called Ann")
    assert call(ctx, "update_memory", id=first, memory="likes coffee") == f"Memory with ID {first} updated successfully"
    assert notes(ctx, "search_memories", category="Preference") == ["likes coffee"]
    call(ctx, "update_memory", id=int(first), memory="likes milk", category="drinks")
    assert notes(ctx, "search_memories", category="drinks") == ["likes milk"]
    assert call(ctx, "delete_memory", id=second) == f"Memory with ID {second} deleted successfully"
    assert notes(ctx) == ["likes milk"]


def test_a_search_wants_all_words_in_any_case(ctx: RunContext) -> None:
    for note in ("Her dog is called Rex", "Her cat is called ÉMILE", "100% sure"):
        add(ctx, note)
    assert notes(ctx, "search_memories", query="called her") == ["Her cat is called ÉMILE", "Her dog is called Rex"]
    assert notes(ctx, "search_memories", query="émile") == ["Her cat is called ÉMILE"]
    assert notes(ctx, "search_memories", query="0_") == []
    assert len(notes(ctx, "search_memories")) == 3
    assert notes(ctx, "search_memories", query="dog", category="pets") == []


def test_each_caller_has_notes_of_their_own(ctx: RunContext) -> None:
    ann, bob = of(ctx, "key:ann"), of(ctx, "key:bob")
    id_ = add(ann, "Ann's secret")
    add(bob, "Bob's note")
    assert notes(ann) == ["Ann's secret"]
    assert notes(bob) == ["Bob's note"]
    assert notes(ctx) == notes(ctx, "search_memories", query="secret") == []
    for name, arguments in (("update_memory", {"id": id_, "memory": "x"}), ("delete_memory", {"id": id_})):
        with pytest.raises(ToolError, match="there is no memory"):
            call(bob, name, **arguments)
    assert notes(ann) == ["Ann's secret"]


def test_callers_without_a_name_share_theirs(ctx: RunContext) -> None:
    add(ctx, "somebody was here")
    assert notes(RunContext(ctx.settings)) == ["somebody was here"]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("add_memory", {}, "`memory` must be a text"),
        ("add_memory", {"memory": "  "}, "must not be empty"),
        ("add_memory", {"memory": ["a"]}, "`memory` must be a text"),
        ("add_memory", {"memory": "x" * 4001}, "4001 characters, and 4000 are the most"),
        ("add_memory", {"memory": "x", "category": "y" * 101}, "`category` may have 100"),
        ("update_memory", {"id": "1", "memory": "x"}, "no memory with the ID '1'"),
        ("update_memory", {"id": ["1"], "memory": "x"}, "no memory with the ID"),
        ("delete_memory", {}, "no memory with the ID None"),
        ("search_memories", {"query": ["dog"]}, "`query` must be a text"),
    ],
)
def test_wrong_arguments_change_nothing(ctx: RunContext, name: str, arguments: dict[str, Any], message: str) -> None:
    add(ctx, "likes tea")
    with pytest.raises(ToolError, match=message):
        call(ctx, name, **arguments)
    assert notes(ctx) == ["likes tea"]


def test_there_is_room_for_so_many_notes(ctx: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_NOTES", 2)
    add(ctx, "one")
    add(ctx, "two")
    with pytest.raises(ToolError, match="delete one first"):
        add(ctx, "three")
    assert add(of(ctx, "somebody else"), "three")


def test_a_long_list_ends_behind_a_whole_note(ctx: RunContext) -> None:
    for number in range(9):
        add(ctx, f"{number} " + "x" * 300)
    told = call(replace(ctx, settings=replace(ctx.settings, tool_output_chars=1_000)), "get_memories")
    listed, _, left_out = told.partition("\n")
    assert len(told) <= 1_000
    assert [note["memory"][0] for note in json.loads(listed)] == ["8", "7"]
    assert left_out.startswith("7 more are left out")


def test_odd_text_is_kept_as_it_is(ctx: RunContext) -> None:
    add(ctx, "a \0 and half a character \ud800")
    assert (
        Shelf(Path(ctx.settings.data_dir, "memory/team/memory.db"), "memory", "anonymous").read().popitem()[1]["memory"]
        == "a \0 and half a character \ud800"
    )


def test_only_the_server_may_read_the_file(ctx: RunContext) -> None:
    add(ctx, "likes tea")
    file = Path(ctx.settings.data_dir, "memory/team/memory.db")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_reading_makes_no_file(ctx: RunContext) -> None:
    assert notes(ctx) == []
    assert not Path(ctx.settings.data_dir).exists()


def test_a_file_of_a_later_version_is_left_alone(ctx: RunContext) -> None:
    add(ctx, "likes tea")
    with sqlite3.connect(Path(ctx.settings.data_dir, "memory/team/memory.db")) as db:
        db.execute("PRAGMA user_version = 7")
    with pytest.raises(ToolError, match="format 7"):
        add(ctx, "likes coffee")


def test_what_is_no_database_is_left_alone(tmp_path: Path, ctx: RunContext) -> None:
    (tmp_path / "notes.db").write_text("my own notes, which are no database\n" * 50)
    with pytest.raises(ToolError, match=r"cannot be reached at the moment \(DatabaseError\)"):
        add(ctx, "likes tea", MemoryToolset(RecordFile("notes.db", tmp_path)))
    assert (tmp_path / "notes.db").read_text().startswith("my own notes")


def test_notes_of_docker_agent_in_the_same_file_stay(tmp_path: Path, ctx: RunContext) -> None:
    with sqlite3.connect(tmp_path / "notes.db") as db:
        db.execute("CREATE TABLE memories (id TEXT PRIMARY KEY, created_at TEXT, memory TEXT, category TEXT)")
        db.execute("INSERT INTO memories VALUES ('1', '', 'the author''s own', '')")
    toolset = MemoryToolset(RecordFile("notes.db", tmp_path))
    add(ctx, "likes tea", toolset)
    assert notes(ctx, toolset=toolset) == ["likes tea"]
    with sqlite3.connect(tmp_path / "notes.db") as db:
        assert db.execute("SELECT memory FROM memories").fetchall() == [("the author's own",)]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, ctx: RunContext) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "notes.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(ToolError, match="out of the folder"):
        add(ctx, "likes tea", MemoryToolset(RecordFile("notes.db", tmp_path / "team")))
    assert not (tmp_path / "elsewhere.db").exists()


def test_without_a_data_folder_the_setting_is_named() -> None:
    with pytest.raises(ToolError, match="AGENT_API_DATA_DIR"):
        call(RunContext(Settings()), "get_memories")


WRITER = """
import sys
from flask_agent_api.concurrency import patch_all
if sys.argv[2] == "gevent":
    patch_all()
from flask_agent_api.context import RunContext
from flask_agent_api.concurrency import spawn
from flask_agent_api.settings import Settings
from flask_agent_api.tools.keeping.memory import MemoryToolset
from flask_agent_api.tools.keeping.records import RecordFile
ctx = RunContext(Settings(data_dir=sys.argv[1]))
add = MemoryToolset(RecordFile("memory/team/memory.db")).tools(ctx)[0]
print("ready", flush=True)
sys.stdin.readline()
def write(task):
    for number in range(10):
        add.call({"memory": f"{sys.argv[2]} {task} {number}"}, ctx)
tasks = [spawn(write, task) for task in range(4)]
assert all(task.join(30) for task in tasks)
"""


def test_processes_that_write_at_once_lose_nothing(ctx: RunContext) -> None:
    """Of a file that none of them has made yet, with four greenlets in the one and four threads in the other."""
    kinds = ("gevent", "threads")
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, ctx.settings.data_dir, kind],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        for kind in kinds
    ]  # fmt: skip
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.wait(60) for process in started] == [0, 0]
    for process in started:
        process.communicate()
    assert sorted(notes(ctx)) == sorted(f"{kind} {task} {n}" for kind in kinds for task in range(4) for n in range(10))


def team(folder: Path, toolset: str, **settings: Any) -> tuple[ModelAgent, Toolset]:
    (folder / "team.yaml").write_text(f"agents: {{root: {{model: demo/demo, toolsets: [{toolset}]}}}}")
    agent = load_docker_agent(folder / "team.yaml", Settings(**settings), {"NAME": "mine"}).agents["root"]
    assert isinstance(agent, ModelAgent)
    return agent, agent.toolsets[0]


@pytest.mark.parametrize(
    ("path", "file"),
    [("", "data/memory/team/memory.db"), ("./a/notes.db", "a/notes.db"), ("${NAME}.db", "mine.db")],
)
def test_a_team_says_where_its_notes_are(tmp_path: Path, ctx: RunContext, path: str, file: str) -> None:
    agent, toolset = team(tmp_path, "{type: memory" + (f", path: '{path}'" if path else "") + "}")
    assert agent.warnings == ()
    add(ctx, "likes tea", toolset)
    assert (tmp_path / file).exists()


@pytest.mark.parametrize("path", ["../notes.db", "/srv/notes.db", "~/notes.db", "$NOWHERE/notes.db", "a/../../b.db"])
def test_a_path_that_leads_out_means_the_data_folder(tmp_path: Path, ctx: RunContext, path: str) -> None:
    agent, toolset = team(tmp_path, f"{{type: memory, path: {path}}}")
    assert "data folder is used" in agent.warnings[0]
    add(ctx, "likes tea", toolset)
    assert (tmp_path / "data/memory/team/memory.db").exists()


def test_an_absolute_path_may_lead_into_the_folder(tmp_path: Path, ctx: RunContext) -> None:
    agent, toolset = team(tmp_path, f"{{type: memory, path: {tmp_path}/notes.db}}")
    assert agent.warnings == ()
    add(ctx, "likes tea", toolset)
    assert (tmp_path / "notes.db").exists()


def test_all_tools_need_the_word_memory(ctx: RunContext) -> None:
    assert {tool.needs for tool in NOTES.tools(ctx)} == {"memory"}
    assert [tool.name for tool in NOTES.tools(ctx) if tool.read_only] == ["get_memories", "search_memories"]
