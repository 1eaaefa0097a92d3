"""A run that is ended early, and the tools in it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from running import batches_of
from running import error_of
from running import Hanging
from running import run_of
from running import Scope
from running import start
from running import tool_agent

from flask_agent_api.context import RunContext
from flask_agent_api.errors import InternalError
from flask_agent_api.errors import RunEnded
from flask_agent_api.runtime.cancel_reason import CLIENT_GONE
from flask_agent_api.runtime.cancel_reason import DEADLINE
from flask_agent_api.runtime.cancel_reason import REQUESTED
from flask_agent_api.runtime.cancel_reason import SHUTDOWN
from flask_agent_api.runtime.run import SLOT_SIZE
from flask_agent_api.slot import Closed
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.types import Done
from flask_agent_api.types import Error
from flask_agent_api.types import RunRequest
from flask_agent_api.types import TextDelta
from flask_agent_api.types import ToolFinished
from flask_agent_api.types import ToolStarted
from tests.waiting import wait_until


@pytest.mark.parametrize(
    ("reason", "code", "status"),
    [
        (CLIENT_GONE, "client_disconnected", 499),
        (DEADLINE, "run_timeout", 504),
        (SHUTDOWN, "server_shutting_down", 503),
        (REQUESTED, "run_cancelled", 499),
    ],
)
def test_cancel_tells_the_reader_at_once_and_the_agent_cleans_up(reason: Any, code: str, status: int) -> None:
    agent, scope = Hanging(), Scope()
    run = start(agent, scope=scope)
    assert run.next(5) == ["begun"]
    run.cancel(reason)
    error = error_of(run.next(0))
    assert isinstance(error, RunEnded)
    assert (error.code, error.status) == (code, status)
    with pytest.raises(Closed):
        run.next(0)
    wait_until(lambda: agent.log == [code])
    assert not run.join(0.01)
    assert scope.log == ["enter"]
    agent.clean.set()
    assert run.join(5)
    assert agent.log == [code, "clean"]
    assert scope.log == ["enter", "leave"]


def test_the_first_reason_wins_and_a_second_cancel_leaves_the_cleanup_alone() -> None:
    agent = Hanging()
    run = start(agent)
    assert run.next(5) == ["begun"]
    run.cancel(SHUTDOWN)
    run.cancel(CLIENT_GONE)
    wait_until(lambda: agent.log)
    run.cancel(REQUESTED)
    assert not run.join(0.01)
    agent.clean.set()
    assert run.join(5)
    assert agent.log == ["server_shutting_down", "clean"]
    assert [error_of(batch).code for batch in run.batches()] == ["server_shutting_down"]


def test_what_was_ready_before_a_cancel_can_still_be_read() -> None:
    run = start(lambda request, ctx: (str(number) for number in range(100)))
    assert not run.join(0.01)
    run.cancel(REQUESTED)
    *ready, end = run.batches()
    assert ready == [[str(number)] for number in range(SLOT_SIZE)]
    assert error_of(end).code == "run_cancelled"
    assert run.join(5)


def test_cancel_before_the_first_step_ends_the_run() -> None:
    agent, scope = Hanging(), Scope()
    agent.clean.set()
    run = start(agent, scope=scope)
    run.cancel(REQUESTED)
    assert [error_of(batch).code for batch in run.batches()] == ["run_cancelled"]
    assert run.join(5)
    assert scope.log in ([], ["enter", "leave"])


def test_cancel_before_the_start_means_that_the_agent_never_runs() -> None:
    ran: list[str] = []
    run = run_of(lambda request, ctx: ran.append("ran") or ["a"])
    run.cancel(REQUESTED)
    assert run.start().join(0)
    assert [error_of(batch).code for batch in run.batches()] == ["run_cancelled"]
    assert ran == []


def test_cancel_after_the_end_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "flask_agent_api.run")
    run = start(lambda request, ctx: ["a"])
    assert run.join(5)
    run.cancel(REQUESTED)
    assert list(run.batches()) == [["a"], [Done()]]
    assert [record.getMessage().split(" seconds=")[0] for record in caplog.records] == ["run r1 agent=plain end=done"]


@pytest.mark.parametrize("where", ["agent", "scope"])
def test_cancel_leaves_the_cleanup_of_an_agent_that_is_done_alone(where: str) -> None:
    log: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def cleanup(place: str) -> None:
        if place == where:
            begun.set()
            go.wait(30)
        log.append(place)

    def agent(request: RunRequest, ctx: RunContext) -> Iterator[Any]:
        try:
            yield Done()
        finally:
            cleanup("agent")

    @contextmanager
    def scope() -> Iterator[None]:
        yield
        cleanup("scope")

    run = start(agent, scope=scope)
    assert begun.wait(5)
    run.cancel(CLIENT_GONE)
    assert error_of(run.next(0)).code == "client_disconnected"
    assert not run.join(0.01)
    go.set()
    assert run.join(5)
    assert log == ["agent", "scope"]


def test_deadline_ends_the_run() -> None:
    agent = Hanging()
    agent.clean.set()
    run = start(agent, deadline=time.monotonic() + 0.05)
    text, end = run.batches()
    assert text == ["begun"]
    assert (error_of(end).code, error_of(end).status) == ("run_timeout", 504)
    assert run.join(5)
    assert agent.log == ["run_timeout", "clean"]


def test_a_waiting_tool_ends_with_its_run() -> None:
    ended: list[float] = []
    begun = threading.Event()

    def hang() -> None:
        begun.set()
        try:
            threading.Event().wait(30)
        finally:
            ended.append(time.monotonic())

    run = start(tool_agent(ScriptedModel([tool_call("hang")]), hang))
    started = run.next(5)
    assert started is not None
    assert isinstance(started[0], ToolStarted)
    assert begun.wait(5)
    cancelled = time.monotonic()
    run.cancel(REQUESTED)
    assert run.join(5)
    assert ended[0] - cancelled < 0.25


def test_parallel_tools_end_with_their_run() -> None:
    ended: list[str] = []
    begun = [threading.Event(), threading.Event()]

    def hang(number: int) -> None:
        begun[number].set()
        try:
            threading.Event().wait(30)
        finally:
            ended.append(f"tool {number}")

    model = ScriptedModel([tool_call("hang", number=0), tool_call("hang", number=1)])
    run = start(tool_agent(model, hang, read_only=True))
    assert all(event.wait(5) for event in begun)
    run.cancel(REQUESTED)
    assert run.join(5)
    assert sorted(ended) == ["tool 0", "tool 1"]


def test_what_tools_emit_comes_at_once_and_in_order() -> None:
    go = threading.Event()

    def talks(ctx: RunContext) -> str:
        ctx.emit([TextDelta("one", "talks", 1)])
        ctx.emit([TextDelta("two", "talks", 1)])
        go.wait(5)
        ctx.emit([TextDelta("three", "talks", 1)])
        return "done"

    run = start(tool_agent(ScriptedModel([tool_call("talks")], "answer"), talks))
    begun, one, two = (run.next(5) for _ in range(3))
    assert begun is not None
    assert isinstance(begun[0], ToolStarted)
    assert [one, two] == [[TextDelta("one", "talks", 1)], [TextDelta("two", "talks", 1)]]
    assert run.next(0.01) is None
    go.set()
    three, finished, *rest = run.batches()
    assert three == [TextDelta("three", "talks", 1)]
    assert isinstance(finished[0], ToolFinished)
    assert rest == [["answer"], [Done()]]


def test_a_tool_cannot_end_the_run() -> None:
    def ends(ctx: RunContext) -> str:
        ctx.emit([Done()])
        ctx.emit([])
        ctx.emit(["text", Error(InternalError())])
        return "done"

    _, text, _, *rest = batches_of(tool_agent(ScriptedModel([tool_call("ends")], "answer"), ends))
    assert text == ["text"]
    assert rest == [["answer"], [Done()]]


def test_a_tool_that_emits_after_the_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_agent_api.runtime.tool_calls.CLEANUP_SECONDS", 0.0)
    log: list[str] = []
    go = threading.Event()

    def stubborn(ctx: RunContext) -> None:
        try:
            threading.Event().wait(30)
        finally:
            go.wait(30)
            try:
                ctx.emit(["too late"])
            except Closed:
                log.append("closed")
            raise RuntimeError

    batches = batches_of(tool_agent(ScriptedModel([tool_call("stubborn")], "answer"), stubborn, timeout=0.01))
    assert batches[-2:] == [["answer"], [Done()]]
    go.set()
    wait_until(lambda: log == ["closed"])
