"""One run of an agent, from its start to its end."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
from running import batches_of
from running import error_of
from running import Hanging
from running import NAME
from running import REQUEST
from running import Scope
from running import start
from running import tool_agent

from flask_agent_api.context import RunContext
from flask_agent_api.errors import InternalError
from flask_agent_api.errors import RequestError
from flask_agent_api.runtime.callable_agent import CallableAgent
from flask_agent_api.runtime.cancel_reason import CLIENT_GONE
from flask_agent_api.runtime.cancel_reason import REQUESTED
from flask_agent_api.runtime.cancel_reason import SHUTDOWN
from flask_agent_api.runtime.run import Run
from flask_agent_api.runtime.run import SLOT_SIZE
from flask_agent_api.settings import Settings
from flask_agent_api.slot import Closed
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.types import Done
from flask_agent_api.types import Error
from flask_agent_api.types import RunRequest
from tests.waiting import wait_until


def test_the_agent_runs_in_a_task_of_its_own() -> None:
    tasks: list[object] = []
    assert batches_of(lambda request, ctx: tasks.append(gevent.getcurrent()) or ["a"]) == [["a"], [Done()]]
    assert tasks != [gevent.getcurrent()]


def test_a_missing_end_is_added_and_nothing_comes_after_it() -> None:
    run = start(lambda request, ctx: ["a", [], ["b", "c"]])
    assert [run.next(5), run.next(5), run.next(5)] == [["a"], ["b", "c"], [Done()]]
    for _ in range(2):
        with pytest.raises(Closed):
            run.next(5)


@pytest.mark.parametrize("end", [Done("length"), Error(RequestError("no"))])
def test_what_the_agent_would_yield_after_the_end_is_not_asked_for(end: Any) -> None:
    log: list[str] = []

    def agent(request: RunRequest, ctx: RunContext) -> Iterator[Any]:
        try:
            yield ["a", end, "b"]
            log.append("asked for more")
            yield Done()
        finally:
            log.append("closed")

    assert batches_of(agent) == [["a", end]]
    assert log == ["closed"]


def fails(error: BaseException) -> Callable[..., Any]:
    def agent(request: RunRequest, ctx: RunContext) -> Iterator[str]:
        yield "a"
        raise error

    return agent


def test_an_error_that_is_fit_for_clients_is_the_end() -> None:
    error = RequestError("no such city", code="x")
    text, end = batches_of(fails(error))
    assert text == ["a"]
    assert error_of(end) is error


@pytest.mark.parametrize("error", [LookupError("SECRET"), SystemExit("SECRET"), gevent.Timeout(1, "SECRET")])
def test_any_other_error_is_an_internal_error_without_its_text(
    error: BaseException, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    text, end = batches_of(fails(error))
    assert text == ["a"]
    assert isinstance(error_of(end), InternalError)
    assert (error_of(end).code, error_of(end).status) == ("internal_error", 500)
    assert "SECRET" not in error_of(end).message
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [error]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "agent",
    [
        lambda request, ctx: None,
        lambda request, ctx: 1,
        lambda request, ctx: [1],
        lambda request, ctx: 1 / 0,
        lambda request, ctx: [b"bytes"],
        lambda request: ["wrong signature"],
    ],
)
def test_an_agent_that_breaks_the_contract_ends_in_one_internal_error(agent: Callable[..., Any]) -> None:
    (end,) = batches_of(agent)
    assert isinstance(error_of(end), InternalError)


def test_an_agent_that_ends_its_own_task_ends_in_one_error(caplog: pytest.LogCaptureFixture) -> None:
    text, end = batches_of(fails(gevent.GreenletExit()))
    assert text == ["a"]
    assert isinstance(error_of(end), InternalError)


def test_cleanup_that_fails_after_the_answer_is_an_internal_error() -> None:
    def agent(request: RunRequest, ctx: RunContext) -> Iterator[Any]:
        try:
            yield Done()
        finally:
            raise LookupError("SECRET")

    (end,) = batches_of(agent)
    assert isinstance(error_of(end), InternalError)


def test_scope_that_fails_after_the_answer_is_an_internal_error() -> None:
    @contextmanager
    def scope() -> Iterator[None]:
        yield
        raise LookupError("SECRET")

    text, end = list(start(lambda request, ctx: ["a"], scope=scope).batches())
    assert text == ["a"]
    assert isinstance(error_of(end), InternalError)


def test_a_fast_agent_is_held_up_when_nobody_reads() -> None:
    made: list[int] = []

    def agent(request: RunRequest, ctx: RunContext) -> Iterator[str]:
        for number in range(100):
            made.append(number)
            yield str(number)

    run = start(agent)
    wait_until(lambda: len(made) > SLOT_SIZE)
    assert not run.join(0.02)
    assert len(made) == SLOT_SIZE + 1  # one more is in its hand
    assert run.next(5) == ["0"]
    wait_until(lambda: len(made) == SLOT_SIZE + 2)
    assert sum(1 for _ in run.batches()) == 100


def test_next_gives_none_when_nothing_comes_in_time() -> None:
    agent = Hanging()
    agent.clean.set()
    run = start(agent)
    assert run.next(5) == ["begun"]
    assert run.next(0.01) is None
    run.cancel(REQUESTED)


def test_context_variables_are_copied() -> None:
    def agent(request: RunRequest, ctx: RunContext) -> Iterator[str]:
        yield NAME.get()
        NAME.set("inner")
        yield NAME.get()

    token = NAME.set("outer")
    assert batches_of(agent) == [["outer"], ["inner"], [Done()]]
    assert NAME.get() == "outer"
    NAME.reset(token)


def test_scope_is_left_before_the_last_batch_comes() -> None:
    scope = Scope()
    run = start(lambda request, ctx: scope.log.append("run") or ["a"], scope=scope)
    assert run.next(5) == ["a"]
    assert run.next(5) == [Done()]
    assert scope.log == ["enter", "run", "leave"]


@pytest.mark.parametrize(
    ("agent", "end"),
    [
        (lambda request, ctx: ["a"], "done"),
        (lambda request, ctx: ["a", Error(RequestError("no"))], "error"),
        (fails(LookupError()), "error"),
    ],
)
def test_one_line_in_the_log_says_how_the_run_ended(
    agent: Callable[..., Any], end: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "flask_agent_api.run")
    batches_of(agent)
    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name == "flask_agent_api.run" and record.exc_info is None
    ]
    assert [line.split(" seconds=")[0] for line in lines] == [f"run r1 agent=plain end={end}"]


def test_the_line_of_a_cancelled_run_gives_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    agent = Hanging()
    agent.clean.set()
    run = start(agent)
    assert run.next(5) == ["begun"]
    run.cancel(SHUTDOWN)
    assert run.join(5)
    assert "end=server_shutting_down" in caplog.text


def test_a_generator_function_as_agent_is_closed_on_cancel() -> None:
    log: list[str] = []

    def agent(messages: list[Any]) -> Iterator[str]:
        try:
            while True:
                yield "more"
        finally:
            log.append("closed")

    run = Run(CallableAgent(agent), REQUEST, RunContext(Settings())).start()
    assert run.next(5) == ["more"]
    run.cancel(CLIENT_GONE)
    assert run.join(5)
    assert log == ["closed"]


def look() -> str:
    return "seen"


def test_runs_leave_nothing_behind_in_the_hub() -> None:
    def round_trip() -> None:
        agent = Hanging()
        agent.clean.set()
        run = start(agent, deadline=time.monotonic() + 60)
        assert run.next(5) == ["begun"]
        assert run.next(0) is None
        run.cancel(REQUESTED)
        assert run.join(5)
        batches_of(tool_agent(ScriptedModel([tool_call("look")], "answer"), look))

    round_trip()
    loop = gevent.get_hub().loop
    before = loop.activecnt
    for _ in range(5):
        round_trip()
    assert loop.activecnt == before


@pytest.mark.slow
def test_runs_work_in_threads_where_nothing_is_patched() -> None:
    script = Path(__file__).with_name("unpatched_runs.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout) == {
        "patched": False,
        "answer": [*"abcdefgh", "Done"],
        "async": ["later", "Done"],
        "error": ["my_error"],
        "exit": ["internal_error"],
        "tools": ["ToolStarted", "ToolFinished", "done", "Done"],
        "time-out": ["ToolStarted", "ToolStarted", "ToolFinished", "ToolFinished", "done", "Done"],
        "results": ["Error: the tool hang timed out after 0.1 s.", "seen"],
        "deadline": ["begun", "run_timeout"],
        "cancel": [["begun"], "run_cancelled", False],
        "cancel of a writer": [["more"], "run_cancelled", True],
        "made": 1,
        "quick": True,
    }
    # What the agent that exits and the tool that hangs have to say is logged; nothing else may be printed.
    assert "Exception in thread" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line[:1].strip() and " end=" not in line]
    assert said == [
        "run : agent exits failed",
        "Traceback (most recent call last):",
        "SystemExit: 3",
        "tool hang timed out after 0.1 s",
    ]


def test_what_tools_left_for_the_end_happens_before_the_last_batch_comes() -> None:
    log: list[str] = []

    def agent(request: RunRequest, ctx: RunContext) -> Iterator[str]:
        ctx.on_end.callback(log.append, "first")
        ctx.on_end.callback(lambda: ctx.emit(["late"]))
        yield "answer"

    run = start(agent)
    assert [event for batch in run.batches() for event in batch] == ["answer", "late", Done()]
    assert log == ["first"]


def test_what_tools_left_for_the_end_happens_after_a_cancel_and_must_not_fail_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log: list[str] = []
    begun = threading.Event()

    def agent(request: RunRequest, ctx: RunContext) -> Iterator[str]:
        ctx.on_end.callback(log.append, "first")
        ctx.on_end.callback(lambda: 1 // 0)
        ctx.on_end.callback(lambda: ctx.emit(["nobody reads this"]))
        begun.set()
        threading.Event().wait(30)
        yield "never"

    run = start(agent)
    assert begun.wait(5)
    run.cancel(REQUESTED)
    assert run.join(5)
    assert log == ["first"]
    assert "was left for its end failed" in caplog.text
