from __future__ import annotations

import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.errors import ToolError
from flask_agent_api.tools.process import Command
from flask_agent_api.tools.process import Outcome
from flask_agent_api.tools.process import OUTPUT_BYTES
from flask_agent_api.tools.process import run_command
from flask_agent_api.tools.process import shell
from tests.processes import runs_from
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def run(script: str, cwd: Path, timeout: float = 20.0, **options: object) -> Outcome:
    return run_command(Command(("/bin/sh", "-c", script), str(cwd), **options), timeout)  # type: ignore[arg-type]


def test_output_and_exit_code(tmp_path: Path) -> None:
    assert run("echo out; echo err >&2; exit 3", tmp_path) == Outcome(3, "out\n", "err\n")


def test_both_outputs_can_be_one(tmp_path: Path) -> None:
    assert run("echo a; echo b >&2; echo c", tmp_path, merged=True) == Outcome(0, "a\nb\nc\n", "")


def test_input_of_any_size_arrives(tmp_path: Path) -> None:
    assert run("wc -c", tmp_path, stdin=b"x" * 1_000_000).stdout.strip() == "1000000"


def test_a_command_need_not_read_its_input(tmp_path: Path) -> None:
    assert run("exec <&-; echo done", tmp_path, stdin=b"x" * 1_000_000) == Outcome(0, "done\n", "")


def test_it_sees_few_variables_and_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("FLASK_AGENT_API_KEYS", "secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    names = {line.partition("=")[0] for line in run("env", tmp_path, env={"OWN": "1"}).stdout.splitlines()}
    assert {"OWN", "PATH", "LANG"} <= names
    assert names <= {"HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "OWN", "PWD", "SHLVL", "_", "OLDPWD"}


def test_it_runs_in_its_folder(tmp_path: Path) -> None:
    assert run("pwd -P", tmp_path).stdout.strip() == str(tmp_path.resolve())


@pytest.mark.parametrize("stubborn", [False, True])
def test_when_its_time_is_up_all_of_it_ends(tmp_path: Path, stubborn: bool) -> None:
    script = "trap '' TERM; " if stubborn else ""
    script += "echo before; sh -c 'echo $$ > child; sleep 60' & wait; sleep 60"
    start = time.monotonic()
    outcome = run(script, tmp_path, timeout=1.0)
    assert outcome == Outcome(None, "before\n", "")
    assert time.monotonic() - start < 10
    wait_until(lambda: not runs_from(tmp_path / "child"))


def test_a_cancelled_call_takes_its_command_with_it(tmp_path: Path) -> None:
    task = spawn(run, "sh -c 'echo $$ > child; sleep 60' & wait", tmp_path)
    wait_until(lambda: (tmp_path / "child").is_file() and (tmp_path / "child").read_text().endswith("\n"))
    task.cancel(Cancelled("test"))
    assert task.join(10)
    wait_until(lambda: not runs_from(tmp_path / "child"))


def test_nothing_stays_behind_in_the_background(tmp_path: Path) -> None:
    start = time.monotonic()
    assert run("sleep 60 & echo $! > child; echo done", tmp_path) == Outcome(0, "done\n", "")
    assert time.monotonic() - start < 10
    wait_until(lambda: not runs_from(tmp_path / "child"))


def test_endless_output_is_cut_and_holds_up_nobody(tmp_path: Path) -> None:
    turns: list[float] = []
    task = spawn(lambda: [turns.append(time.monotonic()) or time.sleep(0.01) for _ in range(20)])
    outcome = run("yes", tmp_path, timeout=0.5)
    assert task.join(5)
    assert outcome.exit_code is None
    assert len(outcome.stdout) == OUTPUT_BYTES
    assert max(after - before for before, after in pairwise(turns)) < 0.3


@pytest.mark.parametrize(
    ("argv", "cwd", "reason"),
    [
        (("no-such-command-here",), ".", "command not found: no-such-command-here"),
        (("/etc/passwd",), ".", "command cannot be executed: /etc/passwd"),
        (("true",), "/no/such/folder", "working directory not found: /no/such/folder"),
        (("a\0b",), ".", "bad argument"),
    ],
)
def test_what_cannot_be_started_says_why(argv: tuple[str, ...], cwd: str, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        run_command(Command(argv, cwd), 5.0)


@pytest.mark.parametrize(
    ("own", "used"), [("/bin/bash", "/bin/bash"), ("/usr/sbin/nologin", "/bin/sh"), ("", "/bin/sh")]
)
def test_scripts_run_in_the_users_shell(monkeypatch: pytest.MonkeyPatch, own: str, used: str) -> None:
    monkeypatch.setenv("SHELL", own)
    assert shell("ls") == (used, "-c", "ls")


UNPATCHED = """
import sys
from flask_agent_api.tools.process import Command, run_command
print(run_command(Command(("/bin/sh", "-c", "cat; sleep 60 & echo err >&2"), ".", stdin=b"in"), 10.0))
print(run_command(Command(("/bin/sh", "-c", "echo a; sleep 60"), "."), 1.0))
"""


def test_it_works_without_gevent(tmp_path: Path) -> None:
    outcome = run_command(Command((sys.executable, "-c", UNPATCHED), str(tmp_path)), 30.0)
    assert outcome.stdout.splitlines() == [
        "Outcome(exit_code=0, stdout='in', stderr='err\\n')",
        "Outcome(exit_code=None, stdout='a\\n', stderr='')",
    ], outcome.stderr
