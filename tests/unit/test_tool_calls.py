from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.runtime import tool_calls
from flask_agent_api.runtime.tool_calls import run_calls
from flask_agent_api.settings import Settings
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.types import Event
from flask_agent_api.types import ToolCall
from flask_agent_api.types import ToolFinished
from flask_agent_api.types import ToolResult
from flask_agent_api.types import ToolStarted
from tests.waiting import wait_until


def context(**settings: Any) -> RunContext:
    return RunContext(Settings(**settings), "r1")


def call(name: str, arguments: str = "{}", id: str = "c1") -> ToolCall:
    return ToolCall(id, name, arguments)


def run(
    calls: list[ToolCall], *functions: Callable[..., Any], ctx: RunContext | None = None, **options: Any
) -> tuple[list[str | Event], list[ToolResult]]:
    """The events and results of tool calls to these functions."""
    tools = {each.__name__: FunctionTool(each, **options) for each in functions}
    events: list[str | Event] = []
    results: list[ToolResult] = []
    for batch, completed in run_calls(calls, tools, "root", ctx or context()):
        events += batch
        results += completed
    return events, results


def run_one(function: Callable[..., Any], arguments: str = "{}", **options: Any) -> ToolResult:
    (result,) = run([call(function.__name__, arguments)], function, **options)[1]
    return result


def echo(text: str = "echo") -> str:
    return text


def test_a_call_starts_and_finishes_with_its_result() -> None:
    the_call = call("echo", '{"text": "a"}')
    (started, finished), results = run([the_call], echo)
    assert started == ToolStarted(the_call, "root", 0)
    assert isinstance(finished, ToolFinished)
    assert (finished.call, finished.result, finished.agent, finished.depth) == (the_call, ToolResult("a"), "root", 0)
    assert 0 <= finished.duration < 5
    assert results == [ToolResult("a")]


def test_unknown_tool_is_an_error_for_the_model() -> None:
    assert run([call("nope")], echo)[1] == [
        ToolResult("Error: there is no tool 'nope'. Use only the tools you were given.", True)
    ]


@pytest.mark.parametrize("arguments", ["{", "nope", "[" * 100_000])
def test_broken_json_is_an_error_that_says_how_to_mend_it(arguments: str) -> None:
    result = run_one(echo, arguments)
    assert result.is_error
    assert "not valid JSON" in result.content
    assert "Call the tool again with a JSON object" in result.content


@pytest.mark.parametrize("arguments", ["[1]", '"text"', "1", "null"])
def test_arguments_that_are_no_object_are_an_error(arguments: str) -> None:
    result = run_one(echo, arguments)
    assert result == ToolResult("Error: the arguments must be a JSON object. Call the tool again with one.", True)


def test_empty_arguments_are_none_at_all() -> None:
    assert run_one(echo, "") == ToolResult("echo")


def test_tool_error_is_told_to_the_model() -> None:
    def fails() -> None:
        raise ToolError("no such city")

    assert run_one(fails) == ToolResult("Error: no such city", True)


@pytest.mark.parametrize("error", [LookupError("SECRET"), SystemExit("SECRET"), gevent.Timeout(1)])
def test_other_errors_are_told_by_their_class_and_logged_in_full(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise error

    name = type(error).__name__
    assert run_one(fails) == ToolResult(f"Error: the tool fails failed ({name}).", True)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error


class Raw:
    """A tool that gives what it was made with."""

    name = "raw"
    description = ""
    parameters: dict[str, Any] = {}
    read_only = False
    needs = ""
    timeout = None

    def __init__(self, result: Any) -> None:
        self._result = result

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> Any:
        return self._result


def test_a_result_that_is_no_result_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    batches = list(run_calls([call("raw")], {"raw": Raw(None)}, "root", context()))
    assert batches[-1][1] == [ToolResult("Error: the tool raw failed (AttributeError).", True)]


@pytest.mark.parametrize("is_error", [False, True])
def test_an_empty_result_says_so(is_error: bool) -> None:
    batches = list(run_calls([call("raw")], {"raw": Raw(ToolResult("", is_error))}, "root", context()))
    assert batches[-1][1] == [ToolResult("Error: (no output)" if is_error else "(no output)", is_error)]


def test_an_error_is_named_as_one_in_the_text_which_is_all_that_a_model_sees() -> None:
    batches = list(run_calls([call("raw")], {"raw": Raw(ToolResult("no such city", True))}, "root", context()))
    assert batches[-1][1] == [ToolResult("Error: no such city", True)]


def test_a_long_result_is_cut_and_says_how_much() -> None:
    def exact() -> str:
        return "x" * 10

    def long() -> str:
        return "x" * 15

    def fails() -> None:
        raise ToolError("x" * 15)

    ctx = context(tool_output_chars=10)
    assert run_one(exact, ctx=ctx).content == "x" * 10
    assert run_one(long, ctx=ctx).content == f"{'x' * 10}\n[cut: 5 more characters]"
    assert run_one(fails, ctx=ctx).content == "Error: xxx\n[cut: 12 more characters]"


@pytest.mark.parametrize(("setting", "option"), [(0.02, None), (60.0, 0.02)])
def test_a_tool_that_hangs_is_ended_at_its_time_limit(setting: float, option: float | None) -> None:
    log: list[str] = []

    def hangs() -> None:
        try:
            threading.Event().wait(30)
        finally:
            log.append("cleaned up")

    (_, finished), (result,) = run([call("hangs")], hangs, ctx=context(tool_timeout=setting), timeout=option)
    assert result == ToolResult("Error: the tool hangs timed out after 0.02 s.", True)
    assert isinstance(finished, ToolFinished)
    assert 0.02 <= finished.duration < 5
    assert log == ["cleaned up"]


def test_the_runs_deadline_limits_a_tool_that_has_no_limit() -> None:
    ctx = context()
    ctx.deadline = time.monotonic() + 0.05
    result = run_one(hang, ctx=ctx, timeout=float("inf"))
    assert "timed out" in result.content


def hang() -> None:
    threading.Event().wait(30)


def test_a_tool_without_any_limit_may_run() -> None:
    assert run_one(echo, timeout=float("inf")) == ToolResult("echo")


def test_a_tool_that_does_not_end_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tool_calls, "CLEANUP_SECONDS", 0.02)
    release, log = threading.Event(), []

    def stubborn() -> None:
        try:
            threading.Event().wait(30)
        except Cancelled:
            release.wait(30)
            log.append("ended after all")

    assert "timed out" in run_one(stubborn, timeout=0.02).content
    assert "left behind" in caplog.text
    assert log == []
    release.set()
    wait_until(lambda: log)


def test_closing_ends_the_calls_and_waits_for_their_cleanup() -> None:
    log: list[str] = []

    def hangs() -> None:
        try:
            threading.Event().wait(30)
        finally:
            time.sleep(0.01)
            log.append("cleaned up")

    batches = run_calls([call("quick"), call("hangs")], read_only(quick, hangs), "root", context())
    next(batches)
    assert next(batches)[1] == [ToolResult("quick")]
    batches.close()
    assert log == ["cleaned up"]


def quick() -> str:
    return "quick"


def read_only(*functions: Callable[..., Any]) -> dict[str, Any]:
    return {each.__name__: FunctionTool(each, read_only=True) for each in functions}


class Handshake:
    """Two functions that each wait for the other: they end only when they run at the same time."""

    def __init__(self, timeout: float) -> None:
        self._left, self._right = threading.Event(), threading.Event()
        self._timeout = timeout

    def left(self) -> str:
        self._left.set()
        return f"left {self._right.wait(self._timeout)}"

    def right(self) -> str:
        self._right.set()
        return f"right {self._left.wait(self._timeout)}"


def test_read_only_calls_run_in_parallel_and_results_keep_the_order() -> None:
    both = Handshake(5)
    calls = [call("left", id="1"), call("right", id="2")]
    events, results = run(calls, both.left, both.right, read_only=True)
    assert [result.content for result in results] == ["left True", "right True"]
    kinds = [(type(event).__name__, event.call.id) for event in events]  # type: ignore[union-attr]
    assert kinds == [("ToolStarted", "1"), ("ToolStarted", "2"), ("ToolFinished", "1"), ("ToolFinished", "2")]


def test_results_keep_the_order_when_the_second_is_first_to_end() -> None:
    second_ended = threading.Event()

    def first() -> str:
        return f"first {second_ended.wait(5)}"

    def second() -> str:
        second_ended.set()
        return "second"

    _, results = run([call("first"), call("second")], first, second, read_only=True)
    assert [result.content for result in results] == ["first True", "second"]


def test_calls_of_which_one_writes_run_one_after_the_other() -> None:
    both = Handshake(0.02)
    tools = {"left": FunctionTool(both.left, read_only=True), "right": FunctionTool(both.right)}
    calls = [call("left", id="1"), call("right", id="2")]
    batches = list(run_calls(calls, tools, "root", context()))
    assert [result.content for _, results in batches for result in results] == ["left False", "right True"]
    kinds = [type(event).__name__ for batch, _ in batches for event in batch]
    assert kinds == ["ToolStarted", "ToolFinished"] * 2


def test_a_call_of_an_unknown_tool_makes_all_run_one_after_the_other() -> None:
    both = Handshake(0.02)
    _, results = run([call("left"), call("nope"), call("right")], both.left, both.right, read_only=True)
    assert [result.content[:9] for result in results] == ["left Fals", "Error: th", "right Tru"]


def test_tools_run_in_the_runs_scope_each_in_its_own(caplog: pytest.LogCaptureFixture) -> None:
    log: list[str] = []

    @contextmanager
    def scope() -> Iterator[None]:
        log.append("enter")
        try:
            yield
        finally:
            log.append("leave")

    def logs() -> str:
        log.append("call")
        return "done"

    ctx = context()
    ctx.scope = scope
    run([call("logs"), call("logs")], logs, ctx=ctx)
    assert log == ["enter", "call", "leave"] * 2


def test_a_scope_that_fails_is_an_error_of_the_call(caplog: pytest.LogCaptureFixture) -> None:
    @contextmanager
    def scope() -> Iterator[None]:
        raise LookupError("SECRET")
        yield

    ctx = context()
    ctx.scope = scope
    result = run_one(echo, ctx=ctx)
    assert result.is_error
    assert "SECRET" not in result.content
    assert "SECRET" in caplog.text


def test_time_out_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    run_one(hang, timeout=0.01)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "tool hang timed out after 0.01 s")
    ]
