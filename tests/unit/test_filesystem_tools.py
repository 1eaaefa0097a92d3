"""The tools of the toolset ``filesystem``, on real files."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.filesystem import bounds
from flask_agent_api.tools.filesystem import searching
from flask_agent_api.tools.filesystem.jail import Jail
from flask_agent_api.tools.filesystem.toolset import FilesystemToolset
from flask_agent_api.types import Image
from flask_agent_api.types import ToolResult

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

Call = Callable[..., str]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Calls a tool by its name on the files of ``tmp_path``; its text."""
    return caller(FilesystemToolset("files", Jail(tmp_path)))


def caller(toolset: FilesystemToolset, **options: Any) -> Call:
    ctx = RunContext(Settings(**options))
    tools = {tool.name: tool for tool in toolset.tools(ctx)}

    def call(name: str, **arguments: Any) -> str:
        result = tools[name].call(arguments, ctx)
        return result.content if isinstance(result, ToolResult) else result

    return call


def refused(call: Call, name: str, **arguments: Any) -> str:
    with pytest.raises(ToolError) as refusal:
        call(name, **arguments)
    return str(refusal.value)


def test_the_tools_have_docker_agents_names_and_parameters(tmp_path: Path) -> None:
    tools = FilesystemToolset("files", Jail(tmp_path)).tools(RunContext(Settings()))
    assert {tool.name: (list(tool.parameters["properties"]), tool.parameters["required"]) for tool in tools} == {
        "read_file": (["path", "line", "limit"], ["path"]),
        "read_multiple_files": (["paths", "json"], ["paths"]),
        "write_file": (["path", "content"], ["path", "content"]),
        "edit_file": (["path", "edits"], ["path", "edits"]),
        "create_directory": (["paths"], ["paths"]),
        "remove_directory": (["paths"], ["paths"]),
        "list_directory": (["path"], ["path"]),
        "directory_tree": (["path", "max_depth"], ["path"]),
        "search_files_content": (["path", "query", "is_regex", "excludePatterns"], ["path", "query"]),
    }
    writers = {tool.name for tool in tools if tool.needs == "write"}
    assert writers == {"write_file", "edit_file", "create_directory", "remove_directory"}
    assert all(tool.read_only == (tool.name not in writers) for tool in tools)


def test_a_file_is_read_whole_or_in_lines(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\n")
    assert call("read_file", path="a.txt") == "one\ntwo\nthree\n"
    assert call("read_file", path="a.txt", line=2) == "two\nthree\n"
    assert call("read_file", path="a.txt", line="2", limit=1.0) == "two\n"
    assert call("read_file", path="a.txt", limit=2) == "one\ntwo\n"
    assert refused(call, "read_file", path="a.txt", line=9) == "a.txt has no line 9, it has 3"
    assert "1 or more" in refused(call, "read_file", path="a.txt", line=0)
    (tmp_path / "b.txt").touch()
    assert call("read_file", path="b.txt") == "b.txt is empty."


def test_a_long_file_is_cut_behind_a_line_and_says_how_to_go_on(tmp_path: Path) -> None:
    call = caller(FilesystemToolset("files", Jail(tmp_path)), tool_output_chars=1_000)
    lines = [f"line {number} {'x' * 30}\n" for number in range(1, 101)]
    (tmp_path / "long.txt").write_text("".join(lines))
    text, read = call("read_file", path="long.txt"), ""
    while "[cut: " in text:
        assert len(text) <= 1_000
        part, _, note = text.rpartition("[cut: ")
        read += part
        text = call("read_file", path="long.txt", line=int(note.partition("line=")[2].rstrip("]")))
    assert read + text == "".join(lines)


def test_lines_are_read_of_files_that_are_too_large_as_a_whole(call: Call, tmp_path: Path) -> None:
    (tmp_path / "huge.log").write_bytes(b"0123456789\n" * (bounds.TEXT_BYTES // 10))
    assert "Read a part of it" in refused(call, "read_file", path="huge.log")
    assert call("read_file", path="huge.log", line=100_000, limit=1) == "0123456789\n"


def test_what_is_no_text_is_said_to_be_none(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\0\1\2")
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    assert "binary file of 3 bytes" in refused(call, "read_file", path="a.bin")
    assert call("read_file", path="latin.txt") == "�"
    assert "not UTF-8" in refused(call, "edit_file", path="latin.txt", edits=[{"oldText": "�", "newText": "e"}])
    assert "is a directory" in refused(call, "read_file", path=".")
    message = refused(call, "read_file", path="sub/none.txt")
    assert message == f"sub/none.txt: not found (the working directory is {tmp_path})"


def test_images_are_given_back_as_images(tmp_path: Path) -> None:
    (tmp_path / "dot").write_bytes(PNG)
    ctx = RunContext(Settings())
    read = FilesystemToolset("files", Jail(tmp_path)).tools(ctx)[0]
    assert read.call({"path": "dot"}, ctx) == ToolResult(
        f"Read image file dot [image/png] ({len(PNG)} bytes)",
        images=(Image("image/png", base64.b64encode(PNG).decode()),),
    )
    with pytest.raises(ToolError, match="is an image"):
        read.call({"path": "dot", "line": 1}, ctx)


def test_several_files_are_read_at_once_errors_included(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A")
    (tmp_path / "b").write_text("B")
    assert call("read_multiple_files", paths=["a", "../b", "b"]).split("\n\n")[0] == "=== a ===\nA"
    found = json.loads(call("read_multiple_files", paths='["a", "none", "b"]', json="true"))
    assert [each["path"] for each in found] == ["a", "none", "b"]
    assert (found[0]["content"], found[2]["content"]) == ("A", "B")
    assert found[1]["content"].startswith("Error: none: not found")
    assert "1 to 50" in refused(call, "read_multiple_files", paths=[])


def test_many_files_share_the_room_so_that_json_stays_json(tmp_path: Path) -> None:
    call = caller(FilesystemToolset("files", Jail(tmp_path)), tool_output_chars=5_000)
    for name in "abcd":
        (tmp_path / name).write_text(f"{name}\n" * 4_000)
    text = call("read_multiple_files", paths=list("abcd"), json=True)
    assert len(text) < 5_000 + 4_000  # newlines are two characters in JSON
    assert all("go on with line=" in each["content"] for each in json.loads(text))


def test_a_file_is_written_with_its_folders_and_keeps_its_mode(call: Call, tmp_path: Path) -> None:
    assert call("write_file", path="new/deep/a.sh", content="é") == "File written successfully: new/deep/a.sh (2 bytes)"
    script = tmp_path / "new" / "deep" / "a.sh"
    script.chmod(0o750)
    call("write_file", path="new/deep/a.sh", content="b")
    assert (script.read_text(), script.stat().st_mode & 0o777) == ("b", 0o750)
    assert os.listdir(script.parent) == ["a.sh"]
    assert "too large" in refused(call, "write_file", path="a", content="x" * (bounds.TEXT_BYTES + 1))
    assert "must be a text" in refused(call, "write_file", path="a", content={"x": 1})
    assert "no text" in refused(call, "write_file", path="a", content="\ud800")
    assert not (tmp_path / "a").exists()


def test_directories_are_made_and_removed(call: Call, tmp_path: Path) -> None:
    call("create_directory", paths=["a/b", "c"])
    call("create_directory", paths="c")
    assert "not empty" in refused(call, "remove_directory", paths=["a"])
    assert call("remove_directory", paths=["a/b", "a", "c"]).count("removed successfully") == 3
    assert os.listdir(tmp_path) == []
    assert "working directory itself" in refused(call, "remove_directory", paths=["."])


def test_edits_are_applied_in_order(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one two three")
    answer = call(
        "edit_file", path="a", edits=[{"oldText": "two", "newText": "2"}, {"oldText": "one 2", "newText": "1"}]
    )
    assert answer.splitlines()[1:] == ["Edit 1: replaced 3 characters", "Edit 2: replaced 5 characters"]
    assert (tmp_path / "a").read_text() == "1 three"


@pytest.mark.parametrize(
    "edits",
    [
        '[{"oldText": "two", "newText": "2"}]',
        '[{"oldText": "two", "newText": "2"}]}',
        '{"oldText": "two", "newText": "2"}',
        {"oldText": "two", "newText": "2"},
    ],
)
def test_edits_may_be_serialised_twice(call: Call, tmp_path: Path, edits: Any) -> None:
    (tmp_path / "a").write_text("one two")
    call("edit_file", path="a", edits=edits)
    assert (tmp_path / "a").read_text() == "one 2"


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([{"oldText": "", "newText": "x"}], "must not be empty"),
        ([{"oldText": "none", "newText": "x"}], "not found"),
        ([{"oldText": "o", "newText": "x"}], "appears 4 times"),
        ([{"oldText": "one", "newText": "x"}, {"oldText": "one", "newText": "y"}], "edit 2: old text not found"),
        ([{"old": "one"}], "must be texts"),
        ("nonsense", "must be a list"),
        ([], "must be a list"),
    ],
)
def test_a_wrong_edit_changes_nothing(call: Call, tmp_path: Path, edits: Any, message: str) -> None:
    (tmp_path / "a").write_text("one two foo")
    assert message in refused(call, "edit_file", path="a", edits=edits)
    assert (tmp_path / "a").read_text() == "one two foo"


def test_edits_keep_the_line_breaks_of_the_file(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\r\ntwo\r\n")
    call("edit_file", path="a", edits=[{"oldText": "one\ntwo", "newText": "1\n2\n3"}])
    assert (tmp_path / "a").read_bytes() == b"1\r\n2\r\n3\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("property")


@settings(max_examples=100, deadline=None)
@given(st.text("ab\n", max_size=12), st.text("ab\n", max_size=3), st.text("abc\n", max_size=3))
def test_an_edit_is_what_python_replaces(folder: Path, text: str, old: str, new: str) -> None:
    (folder / "property.txt").write_text(text)
    call = caller(FilesystemToolset("files", Jail(folder)))
    try:
        call("edit_file", path="property.txt", edits=[{"oldText": old, "newText": new}])
    except ToolError:
        assert not old or text.count(old) != 1
    else:
        assert text.count(old) == 1
        text = text.replace(old, new)
    assert (folder / "property.txt").read_text() == text


def test_editors_of_one_file_lose_nothing(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("\n".join(f"<{number}>" for number in range(40)))

    def edit(numbers: range) -> None:
        for number in numbers:
            call("edit_file", path="a", edits=[{"oldText": f"<{number}>", "newText": f"done {number}"}])

    threads = [threading.Thread(target=edit, args=(range(start, 40, 4),)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_text() == "\n".join(f"done {number}" for number in range(40))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "README.md": "Hello world\n",
        "src/main.py": "import os\nprint('hello')\n",
        "src/util.py": "def hello():\n    return 1\n",
        "build/out.txt": "hello\n",
        "docs/.gitignore": "*.tmp\n!keep.tmp\n",
        "docs/a.tmp": "hello\n",
        "docs/keep.tmp": "hello\n",
        ".gitignore": "/build/\n*.log\n",
        "debug.log": "hello\n",
        ".git/HEAD": "hello\n",
        ".env": "hello=1\n",
        "data.bin": "hello\0",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "link").symlink_to("src")
    return tmp_path


def test_a_directory_is_listed_without_what_git_ignores(call: Call, project: Path) -> None:
    assert call("list_directory", path=".").splitlines() == [
        "FILE .gitignore", "FILE README.md", "FILE data.bin", "DIR  docs", "LINK link", "DIR  src",
    ]  # fmt: skip
    assert call("list_directory", path="docs").splitlines() == ["FILE .gitignore", "FILE keep.tmp"]
    assert call("list_directory", path="link") == call("list_directory", path=f"{project}/src")
    hidden = call("list_directory", path="build")
    assert hidden == "Directory has no visible entries (1 hidden by ignore patterns): build"
    call("create_directory", paths=["empty"])
    assert call("list_directory", path="empty") == "Directory is empty: empty"
    assert "not a directory" in refused(call, "list_directory", path="README.md")


def test_ignore_vcs_can_be_turned_off(project: Path) -> None:
    call = caller(FilesystemToolset("files", Jail(project), ignore_vcs=False))
    listed = call("list_directory", path=".")
    assert {"DIR  .git", "DIR  build", "FILE debug.log"} <= set(listed.splitlines())
    assert ".env" not in listed
    assert "build/out.txt:1: hello" in call("search_files_content", path=".", query="hello")


def test_names_cannot_fake_entries(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a\nFILE b").touch()
    (tmp_path / os.fsdecode(b"\xff")).touch()
    assert call("list_directory", path=".").splitlines() == ["FILE a�FILE b", "FILE �"]


def test_a_tree_is_nested_objects(call: Call, project: Path) -> None:
    tree = json.loads(call("directory_tree", path="."))
    by_name = {child["name"]: child for child in tree["children"]}
    assert sorted(by_name) == [".gitignore", "README.md", "data.bin", "docs", "link", "src"]
    assert by_name["src"] == {
        "name": "src",
        "type": "directory",
        "children": [{"name": "main.py", "type": "file"}, {"name": "util.py", "type": "file"}],
    }
    flat = json.loads(call("directory_tree", path=".", max_depth=1))
    assert all(not child.get("children") for child in flat["children"])
    assert "not found" in refused(call, "directory_tree", path="none")


def test_a_large_tree_is_cut_at_its_deepest(call: Call, tmp_path: Path) -> None:
    for folder in range(10):
        (tmp_path / f"d{folder}").mkdir()
        for file in range(60):
            (tmp_path / f"d{folder}" / f"f{file}").touch()
    tree, _, note = call("directory_tree", path=".").partition("\n")
    assert len(json.loads(tree)["children"]) == 10
    assert note.startswith("[cut:")


def test_searches_find_texts_and_patterns(call: Call, project: Path) -> None:
    found = ["docs/keep.tmp:1: hello", "src/main.py:2: print('hello')", "src/util.py:1: def hello():"]
    assert call("search_files_content", path=".", query="hello").splitlines() == found
    assert call("search_files_content", path="src", query=r"^def \w+\(", is_regex="true") == found[2]
    assert call("search_files_content", path=".", query="(?i)HELLO w", is_regex=True) == "README.md:1: Hello world"
    assert call("search_files_content", path="README.md", query="world") == "README.md:1: Hello world"
    assert call("search_files_content", path="debug.log", query="hello") == "debug.log:1: hello"
    assert call("search_files_content", path=".", query="nowhere") == "No results found"
    assert "not found" in refused(call, "search_files_content", path="none", query="x")


@pytest.mark.parametrize("pattern", ["src/*", "src", "src/", "**/src", "*.py", "s*c/**"])
def test_searches_leave_out_what_they_are_told_to(call: Call, project: Path, pattern: str) -> None:
    found = call("search_files_content", path=".", query="hello", excludePatterns=[pattern])
    assert found == "docs/keep.tmp:1: hello"


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=x)", "((a{1000}){1000}){1000}", "x" * 1_001])
def test_patterns_that_the_engine_refuses_are_errors(call: Call, tmp_path: Path, pattern: str) -> None:
    message = refused(call, "search_files_content", path=".", query=pattern, is_regex=True)
    assert "invalid regular expression: " in message or "1000 characters" in message


def test_no_pattern_takes_long(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(("a" * 1_999 + "\n") * 200)
    assert call("search_files_content", path=".", query="(a+)+b|(a|aa)+c|(a*)*d$", is_regex=True) == "No results found"


def test_a_search_ends_at_its_limits(
    call: Call, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "many.txt").write_text("needle\n" * 1_000)
    (tmp_path / "long.txt").write_text("x" * 1_000 + "pin" + "x" * 1_000)
    assert "there are more matches than these 500" in call("search_files_content", path=".", query="needle")
    found = call("search_files_content", path=".", query="pin")
    assert "pin" in found
    assert len(found) < 300
    monkeypatch.setattr(searching, "SEARCHED_FILES", 1)
    assert "only 1 files were searched" in call("search_files_content", path=".", query="nowhere")
    monkeypatch.setattr(bounds.Work, "over", True)
    assert "the time was up" in call("search_files_content", path=".", query="nowhere")


def test_single_files_have_three_tools(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A")
    (tmp_path / "b").write_text("B")
    toolset = FilesystemToolset("file", Jail(tmp_path, within=[("a",)]), kind="file")
    call = caller(toolset)
    assert [tool.name for tool in toolset.tools(RunContext(Settings()))] == ["read_file", "write_file", "edit_file"]
    assert call("read_file", path="a") == "A"
    call("write_file", path="a", content="new")
    assert "outside of the allowed directories (a)" in refused(call, "read_file", path="b")
    assert "outside" in refused(call, "write_file", path="c", content="")
