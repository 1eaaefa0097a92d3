"""The toolset ``git``, on a real repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.git import GitToolset

pytestmark = pytest.mark.slow

CTX = RunContext(Settings())
WHO = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in
       {"NAME": "Ada", "EMAIL": "ada@example.org", "DATE": "2026-01-02T03:04:05Z"}.items()}  # fmt: skip


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, env={**os.environ, **WHO}, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository").resolve()
    git(folder, "init", "-q", "-b", "main")
    (folder / "work").mkdir()
    (folder / "work" / "a.txt").write_text("one\ntwo\n")
    (folder / "secret.txt").write_text("secret\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    (folder / "work" / "a.txt").write_text("one\nTWO\n")
    git(folder, "commit", "-q", "-a", "-m", "Say it louder")
    git(folder, "branch", "side")
    (folder / "work" / "new.txt").write_text("new\n")
    (folder / "work" / "-n").write_text("odd\n")
    return folder


def call(folder: Path, name: str, **arguments: Any) -> str:
    tool = next(tool for tool in GitToolset("git", folder).tools(CTX) if tool.name == name)
    assert tool.read_only
    assert not tool.needs
    result = tool.call(arguments, CTX)
    assert isinstance(result, str)
    return result


def test_status(repository: Path) -> None:
    assert call(repository / "work", "git_status").splitlines() == ["## main", "?? -n", "?? new.txt"]


def test_log(repository: Path) -> None:
    lines = call(repository, "git_log").splitlines()
    assert [line.split("  ")[1:] for line in lines] == [
        ["2026-01-02", "Ada", "Say it louder"],
        ["2026-01-02", "Ada", "Begin"],
    ]
    assert call(repository, "git_log", limit="1") == lines[0]
    assert call(repository, "git_log", path="secret.txt") == lines[1]
    assert call(repository, "git_log", path="nothing") == "No commits."


def test_branches(repository: Path) -> None:
    assert call(repository, "git_branches").splitlines() == ["* main", "  side"]


def test_show(repository: Path) -> None:
    for arguments in ({}, {"ref": ""}, {"ref": "side"}):
        text = call(repository, "git_show", **arguments)
        assert "Author: Ada <ada@example.org>" in text
        assert "Say it louder" in text
        assert text.endswith("1\t1\twork/a.txt")
    assert "Begin" in call(repository, "git_show", ref="HEAD~1")


def test_blame(repository: Path) -> None:
    one, two = call(repository / "work", "git_blame", path="work/a.txt").splitlines()
    assert one.startswith("^")
    assert "Ada" in one
    assert two.endswith(" TWO")
    assert call(repository, "git_blame", path="work/a.txt", rev="HEAD~1").endswith(" two")


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("git_show", {"ref": "none"}, "git failed: fatal: "),
        ("git_show", {"ref": "--output=ran"}, "git failed: fatal: "),
        ("git_blame", {"path": "work/a.txt", "rev": "--contents=secret.txt"}, "git failed: fatal: "),
        ("git_blame", {"path": "secret.txt"}, "not in the working directory"),
        ("git_blame", {"path": "work/../secret.txt"}, "not in the working directory"),
        ("git_blame", {"path": "/etc/passwd"}, "not in the working directory"),
        ("git_blame", {"path": "work/.env"}, "is kept back: variables with keys and passwords"),
        ("git_blame", {}, "`path` must be a text"),
        ("git_blame", {"path": "work/-n"}, "git failed: fatal: "),
        ("git_log", {"path": "secret.txt"}, "not in the working directory"),
        ("git_log", {"limit": "-1"}, "`limit` must be a whole number"),
    ],
)
def test_what_cannot_be_had(repository: Path, name: str, arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ToolError, match=problem):
        call(repository / "work", name, **arguments)
    assert not (repository / "work" / "ran").exists()


def test_outside_of_a_repository(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="not a git repository"):
        call(tmp_path, "git_status")


def test_nothing_of_the_repositorys_configuration_is_run(repository: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", str(repository), str(copy))
    touch = f"touch {tmp_path}/ran;"
    for name in ("core.fsmonitor", "core.pager", "diff.external", "diff.x.textconv", "gpg.program", "pager.log"):
        git(copy, "config", name, touch)
    git(copy, "config", "log.showSignature", "true")
    (copy / ".gitattributes").write_text("* diff=x\n")
    for name in ("git_status", "git_log", "git_branches", "git_show"):
        call(copy, name)
    call(copy, "git_blame", path="work/a.txt")
    assert not (tmp_path / "ran").exists()
