"""``@tool(process=True)``: what computes for ever, crashes or floods is ended, and the worker never notices."""

from __future__ import annotations

import functools
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tools_in_processes as tools

from flask_agent_api import ConfigError
from flask_agent_api import RunContext
from flask_agent_api import tool
from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.runtime.tool_calls import run_calls
from flask_agent_api.settings import Settings
from flask_agent_api.types import ToolCall
from flask_agent_api.types import ToolResult
from tests.processes import runs
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def call(tool: Any, **arguments: object) -> ToolResult:
    """What the model gets for a call."""
    calls = [ToolCall("1", tool.name, json.dumps(arguments))]
    steps = run_calls(calls, {tool.name: tool}, "root", RunContext(Settings()))
    return next(result for _, done in steps for result in done)


def test_arguments_and_result_cross_and_the_object_is_still_the_function() -> None:
    assert call(tools.add, left="3") == ToolResult("4")
    assert tools.add(3) == 4


def test_it_runs_elsewhere_with_the_variables_and_the_folder_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if it is async."""
    monkeypatch.setenv("SOME_KEY", "its own")
    said = json.loads(call(tools.whoami, word="ü\N{GRINNING FACE}").content)
    assert said.pop("pid") != os.getpid()
    assert said == {"word": "ü\N{GRINNING FACE}", "folder": os.getcwd(), "secret": "its own"}


def test_what_it_writes_is_logged_and_no_part_of_the_result(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "flask_agent_api.tools"):
        assert call(tools.noisy) == ToolResult("quiet")
    assert {"printed", "from C", "from a child", "an error"} <= set(caplog.text.splitlines())


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("tool_error", "Error: try another word"),
        ("exception", "Error: the tool fails failed (ValueError)."),
        ("exit", "Error: the tool fails failed (SystemExit)."),
        ("at once", "Error: the tool fails failed (exit code 0)."),
        ("crash", "Error: the tool fails failed (ended by signal 11)."),
    ],
)
def test_a_failure_is_a_short_error_and_its_trace_is_logged(
    caplog: pytest.LogCaptureFixture, how: str, said: str
) -> None:
    assert call(tools.fails, how=how) == ToolResult(said, True)
    assert ("sk-secret" in caplog.text and "in fails" in caplog.text) == (how == "exception")


def test_what_json_cannot_hold_is_as_python_prints_it() -> None:
    assert "lock object at" in call(tools.fails, how="odd result").content


def test_wrong_arguments_need_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    assert call(tools.add, left="x").content.startswith("Error: wrong arguments: left")


@pytest.mark.parametrize(("how", "begins"), [("text", "üüü"), ("endless", '["again","again",')])
def test_a_result_of_any_size_is_cut(how: str, begins: str) -> None:
    content = call(tools.large, how=how).content
    assert content.startswith(begins)
    assert "[cut: " in content[30_000:30_100]
    assert len(content) < 30_100


def test_images_cross_unless_there_are_too_many() -> None:
    assert call(tools.large, how="images") == tools.large("images")
    assert call(tools.large, how="too many") == ToolResult("Error: the images of the result are too large", True)


def test_a_loop_that_never_ends_is_ended_at_its_time_limit_and_holds_up_nobody(tmp_path: Path) -> None:
    turns: list[float] = []
    task = spawn(lambda: [turns.append(time.monotonic()) or time.sleep(0.01) for _ in range(250)])
    assert call(tools.busy, folder=str(tmp_path)).content == "Error: the tool busy timed out after 3 s."
    assert task.join(5)
    assert max(after - before for before, after in pairwise(turns)) < 0.3
    pids = list(map(int, (tmp_path / "pids").read_text().split()))
    assert len(pids) == 2
    wait_until(lambda: not any(map(runs, pids)))


def test_a_cancelled_call_takes_its_process_with_it(tmp_path: Path) -> None:
    task = spawn(lambda: call(tools.patient, folder=str(tmp_path)))
    wait_until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().endswith("\n"))
    task.cancel(Cancelled("test"))
    assert task.join(5)
    wait_until(lambda: not any(map(runs, map(int, (tmp_path / "pids").read_text().split()))))


def test_a_thread_that_it_leaves_behind_ends_first() -> None:
    assert call(tools.threads) == ToolResult("done")


def at_top_level(value: int, ctx: RunContext) -> int:
    """Wants the context."""
    return value


class Callables:
    """What is no function of a module."""

    def __call__(self) -> int:
        """Is called."""
        return 1

    def method(self) -> int:
        """Is bound."""
        return 1


def of_the_program() -> None:
    """Is in the module that was started."""


of_the_program.__module__ = "__main__"


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (at_top_level, "the run's context cannot leave the server's process; drop 'ctx'"),
        (lambda: 1, "only functions at the top level of a module"),
        (functools.partial(Callables().method), "only functions at the top level of a module"),
        (Callables(), "only functions at the top level of a module"),
        (Callables().method, "only functions at the top level of a module"),
        (of_the_program, "put the function into a module"),
    ],
)
def test_what_no_other_process_can_find_is_refused_at_once(function: Callable[..., Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        tool(process=True, name="it")(function)


def test_a_function_that_is_not_where_it_says_fails_at_its_first_call(caplog: pytest.LogCaptureFixture) -> None:
    assert call(tools.other_name).content == "Error: the tool other failed (LookupError)."
    assert "tools_in_processes has no function 'renamed_later'" in caplog.text


UNPATCHED = """
import sys
from flask_agent_api import RunContext
from flask_agent_api.settings import Settings
import tools_in_processes as tools
ctx = RunContext(Settings())
print(tools.add.call({"left": 1}, ctx).content)
try:
    tools.busy.call({"folder": sys.argv[1]}, ctx)
except Exception as exc:
    print(exc)
"""


def test_it_works_without_gevent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", UNPATCHED, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.splitlines() == ["2", "the tool busy timed out after 3 s."], done.stderr
    wait_until(lambda: not any(map(runs, map(int, (tmp_path / "pids").read_text().split()))))
