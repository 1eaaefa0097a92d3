"""The tool ``shell``: real commands, in a real folder."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.shell.place import Place
from flask_agent_api.tools.shell.toolset import ShellToolset
from tests.processes import runs_from
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

PYTHON = f"{sys.executable} -S -c"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    (work / "inner").mkdir(parents=True)
    (tmp_path / "work2").mkdir()
    (work / "out").symlink_to(tmp_path)
    return work.resolve()


def shell(folder: Path, cmd: Any, chars: int = 30_000, env: dict[str, str] | None = None, **arguments: Any) -> str:
    ctx = RunContext(Settings(tool_output_chars=chars, allow=("shell",)))
    tool = ShellToolset("shell", Place(folder, env or {})).tools(ctx)[0]
    result = tool.call({"cmd": cmd, **arguments}, ctx)
    assert isinstance(result, str)
    return result


def test_the_tools_are_those_of_docker_agent(folder: Path) -> None:
    tools = ShellToolset("shell", Place(folder)).tools(RunContext(Settings()))
    assert {tool.needs for tool in tools} == {"shell"}
    assert {
        tool.name: (list(tool.parameters["properties"]), tool.parameters.get("required", [])) for tool in tools
    } == {
        "shell": (["cmd", "cwd", "timeout"], ["cmd"]),
        "run_background_job": (["cmd", "cwd"], ["cmd"]),
        "list_background_jobs": ([], []),
        "view_background_job": (["job_id"], ["job_id"]),
        "stop_background_job": (["job_id"], ["job_id"]),
        "wait_background_job": (["job_id", "timeout"], ["job_id"]),
    }
    assert [tool.name for tool in tools if tool.read_only] == ["list_background_jobs", "view_background_job"]


def test_both_outputs_come_in_their_order(folder: Path) -> None:
    assert shell(folder, "echo a; echo b >&2; echo c") == "a\nb\nc"


@pytest.mark.parametrize(
    ("cmd", "result"),
    [
        ("true", "<no output>"),
        ("echo oops; exit 3", "The command failed: exit code 3. Its output:\noops"),
        ("kill -9 $$", "The command failed: ended by signal 9. Its output:\n<no output>"),
        ("cat; echo end", "end"),
        (r"printf 'a\000b\377'", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"),
        ("no-such-command-here 2>/dev/null", "The command failed: exit code 127. Its output:\n<no output>"),
    ],
)
def test_how_a_command_ended_is_said(folder: Path, cmd: str, result: str) -> None:
    assert shell(folder, cmd) == result


def test_a_command_ends_when_its_time_is_up(folder: Path) -> None:
    begun = time.monotonic()
    result = shell(folder, "echo before; sh -c 'echo $$ > pid; sleep 60' & wait", timeout="1")
    assert result == "The command did not end within 1 s and was stopped. Its output until then:\nbefore"
    assert time.monotonic() - begun < 10
    wait_until(lambda: not runs_from(folder / "pid"))


def test_a_command_ends_with_its_run_at_the_latest(folder: Path) -> None:
    ctx = RunContext(Settings(), deadline=time.monotonic() + 0.2)
    ShellToolset("shell", Place(folder)).tools(ctx)[0].call({"cmd": "sleep 60", "timeout": 60}, ctx)
    assert ctx.remaining == 0


def test_what_stays_in_the_background_ends_with_its_command(folder: Path) -> None:
    assert shell(folder, "sleep 60 & echo $! > pid") == "<no output>"
    wait_until(lambda: not runs_from(folder / "pid"))


def test_a_daemon_that_keeps_the_pipe_open_holds_nobody_up(folder: Path) -> None:
    begun = time.monotonic()
    assert (
        shell(folder, "setsid sh -c 'echo $$ > pid; exec sleep 60' & while [ ! -s pid ]; do :; done; echo on") == "on"
    )
    assert time.monotonic() - begun < 10
    os.kill(int((folder / "pid").read_text()), 9)


def test_of_a_long_output_beginning_and_end_are_kept(folder: Path) -> None:
    text = shell(folder, "seq 1 100000", chars=1000)
    assert len(text) <= 1000
    assert text.startswith("1\n2\n")
    assert text.endswith("\n99999\n100000")
    assert "[cut: this is the beginning and the end of 588895 bytes]" in text


def test_commands_see_no_secrets_but_what_the_file_gives_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-12345")
    monkeypatch.setenv("FLASK_AGENT_API_KEYS", "sk-12345")
    seen = shell(folder, "env", env={"OWN": "1"})
    assert "OWN=1" in seen
    assert "sk-12345" not in seen


@pytest.mark.parametrize("cwd", ["inner", "./inner", "inner/../inner", "{folder}/inner", "out/work/inner"])
def test_a_command_may_run_further_down(folder: Path, cwd: str) -> None:
    assert shell(folder, "pwd -P", cwd=cwd.format(folder=folder)) == str(folder / "inner")


@pytest.mark.parametrize("cwd", [".", "", None])
def test_a_command_runs_in_the_working_directory(folder: Path, cwd: str | None) -> None:
    assert shell(folder, "pwd -P", cwd=cwd) == str(folder)


@pytest.mark.parametrize(
    "cwd", ["..", "inner/../..", "/", "/etc", "{folder}2", "out", "out/work2", "~", "a\0b", "none"]
)
def test_a_command_may_run_nowhere_else(folder: Path, cwd: str) -> None:
    with pytest.raises(ToolError, match="working directory"):
        shell(folder, "touch ran", cwd=cwd.format(folder=folder))
    assert not list(folder.parent.rglob("ran"))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"cmd": None}, "`cmd` must be a command"),
        ({"cmd": None, "command": "touch ran"}, "`cmd` must be a command"),
        ({"cmd": " "}, "`cmd` must be a command"),
        ({"cmd": ["touch", "ran"]}, "`cmd` must be a command"),
        ({"cmd": "touch ran\0"}, "NUL"),
        ({"cmd": "touch \ud800"}, "bad argument"),
        ({"cmd": ": " + "x" * 200_000}, "Argument list too long"),
        ({"cmd": "touch ran", "cwd": 3}, "`cwd` must be a text"),
        ({"cmd": "touch ran", "timeout": "soon"}, "`timeout` must be a whole number"),
        ({"cmd": "touch ran", "timeout": -1}, "`timeout` must be a whole number"),
    ],
)
def test_wrong_arguments_are_errors_that_say_how_to_mend_them(
    folder: Path, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ToolError, match=problem):
        shell(folder, **arguments)
    assert not (folder / "ran").exists()


@pytest.mark.slow
def test_a_quarter_of_a_gigabyte_of_output_takes_no_memory(folder: Path) -> None:
    before = memory()
    text = shell(folder, "yes | head -c 256M", timeout=120)
    assert "of 268435456 bytes]" in text
    assert memory() - before < 20 * 2**20


def memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def limited(folder: Path, cmd: str, **limits: int) -> str:
    ctx = RunContext(Settings(allow=("shell",), command_limits=limits))
    return str(ShellToolset("shell", Place(folder)).tools(ctx)[0].call({"cmd": cmd}, ctx))


@pytest.mark.parametrize("own", ["/bin/sh", "/bin/bash"])
@pytest.mark.parametrize(
    ("limit", "value", "cmd", "said"),
    [
        ("file_size", 1, "head -c 2M /dev/zero > big; echo $?; wc -c < big", "153\n1048576"),
        ("memory", 300, f"{PYTHON} 'print(len(bytearray(400_000_000)))' 2>&1 | tail -1", "MemoryError"),
        ("cpu", 1, "(while :; do :; done); echo ended", "ended"),
        ("open_files", 20, f"{PYTHON} 'import os; [os.dup(0) for _ in range(40)]'", "Too many"),
    ],
)
def test_each_process_of_a_command_has_limits(
    folder: Path, monkeypatch: pytest.MonkeyPatch, own: str, limit: str, value: int, cmd: str, said: str
) -> None:
    monkeypatch.setenv("SHELL", own)
    assert said in limited(folder, cmd, **{limit: value})


def test_a_limit_that_the_server_cannot_give_is_the_servers_own(folder: Path) -> None:
    own = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert limited(folder, "echo ran; ulimit -n", open_files=own[1] + 1).startswith("ran\n")


def test_by_default_files_are_limited_and_nothing_needs_to_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")  # bash counts files in other blocks
    assert shell(folder, "ulimit -f; ulimit -v") == "8388608\nunlimited"
    assert limited(folder, "ulimit -f") == "unlimited"
