"""Commands that run after files were changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.filesystem.jail import Jail
from flask_agent_api.tools.filesystem.post_edit import PostEdit
from flask_agent_api.tools.filesystem.toolset import FilesystemToolset
from flask_agent_api.types import ToolResult

ALLOWED = RunContext(Settings(allow=("write", "shell")), deadline=float("inf"))


def call(folder: Path, ctx: RunContext, post_edit: PostEdit, name: str = "write_file", **arguments: object) -> str:
    toolset = FilesystemToolset("files", Jail(folder), post_edits=[post_edit])
    tool = next(tool for tool in toolset.tools(ctx) if tool.name == name)
    result = tool.call(arguments, ctx)
    return result.content if isinstance(result, ToolResult) else result


@pytest.mark.parametrize("variable", ["${file}", "$path"])
def test_a_command_gets_the_file_that_was_changed(tmp_path: Path, variable: str) -> None:
    upper = PostEdit("*.txt", f'tr a-z A-Z < "{variable}" > "{variable}.new" && mv "{variable}.new" "{variable}"')
    text = call(tmp_path, ALLOWED, upper, path="sub/a.txt", content="loud")
    assert (tmp_path / "sub" / "a.txt").read_text() == "LOUD"
    assert "It may have changed the file" in text
    call(tmp_path, ALLOWED, upper, "edit_file", path="sub/a.txt", edits=[{"oldText": "LOUD", "newText": "soft"}])
    assert (tmp_path / "sub" / "a.txt").read_text() == "SOFT"


def test_no_name_of_a_file_becomes_a_command(tmp_path: Path) -> None:
    names = ["a;touch hacked;.txt", "$(touch hacked).txt", "`touch hacked`.txt", "-rf.txt", "a'b\"c.txt"]
    for name in names:
        call(tmp_path, ALLOWED, PostEdit("*.txt", "ls ${file}"), path=name, content="x")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_command_that_fails_is_told_and_takes_nothing_back(tmp_path: Path) -> None:
    text = call(tmp_path, ALLOWED, PostEdit("*", "echo no good; exit 3"), path="a", content="kept")
    assert "Warning" in text
    assert "exit code 3\nno good" in text
    assert (tmp_path / "a").read_text() == "kept"


def test_without_shell_nothing_runs(tmp_path: Path) -> None:
    text = call(tmp_path, RunContext(Settings(allow=("write",))), PostEdit("*", "touch ran"), path="a", content="x")
    assert text == "File written successfully: a (1 bytes)"
    assert not (tmp_path / "ran").exists()


def test_after_an_error_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(ToolError):
        call(tmp_path, ALLOWED, PostEdit("*", "touch ran"), path="../a", content="x")
    call(tmp_path, ALLOWED, PostEdit("*", "touch ran"), "create_directory", paths=["b"])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*.go", "main.go", True),
        ("*.go", "a/b/main.go", True),
        ("**/*.go", "main.go", True),
        ("src/*/*.ts", "src/x/a.ts", True),
        ("src/*/*.ts", "src/a.ts", False),
        ("*.go", "main.py", False),
    ],
)
def test_patterns_are_of_paths(pattern: str, path: str, fits: bool) -> None:
    assert PostEdit(pattern, "true").fits(tuple(path.split("/"))) is fits
