from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.runtime.batches import as_batches
from flask_agent_api.runtime.callable_agent import CallableAgent
from flask_agent_api.runtime.cancel_reason import REQUESTED
from flask_agent_api.runtime.run import Run
from flask_agent_api.settings import Settings
from flask_agent_api.types import Done
from flask_agent_api.types import Event
from flask_agent_api.types import RunRequest
from flask_agent_api.types import Usage
from tests.waiting import wait_until

REQUEST = RunRequest([{"role": "user", "content": "hello"}])


def says(messages: list[Any]) -> str:
    """Says it.

    And more."""
    return f"{messages[-1]['content']}!"


def says_with_context(request: RunRequest, ctx: RunContext) -> str:
    return f"{request.text} {ctx.run_id}!"


def yields(messages: list[Any]) -> Iterator[str | Event | list[Any]]:
    yield says(messages)
    yield [Usage(1), Done("length")]


def yields_with_context(request: RunRequest, ctx: RunContext) -> Iterator[str | Event | list[Any]]:
    yield says_with_context(request, ctx)
    yield [Usage(1), Done("length")]


async def says_later(messages: list[Any]) -> str:
    return says(messages)


async def says_later_with_context(request: RunRequest, ctx: RunContext) -> str:
    return says_with_context(request, ctx)


async def yields_later(messages: list[Any]) -> AsyncIterator[str | list[Any]]:
    yield says(messages)
    yield [Usage(1), Done("length")]


async def yields_later_with_context(request: RunRequest, ctx: RunContext) -> AsyncIterator[str | list[Any]]:
    yield says_with_context(request, ctx)
    yield [Usage(1), Done("length")]


async def gives_a_stream_later(messages: list[Any]) -> AsyncIterator[Any]:
    return yields_later(messages)


class Stream:
    def __init__(self, messages: list[Any]) -> None:
        self._messages = messages

    def __aiter__(self) -> AsyncIterator[Any]:
        return yields_later(self._messages)


class Caller:
    """Calls."""

    def __call__(self, messages: list[Any]) -> str:
        return says(messages)

    def method(self, request: RunRequest, ctx: RunContext) -> str:
        return says_with_context(request, ctx)

    async def later(self, messages: list[Any]) -> AsyncIterator[Any]:
        async for item in yields_later(messages):
            yield item


def run(function: Callable[..., Any]) -> list[Any]:
    return list(as_batches(CallableAgent(function).run(REQUEST, RunContext(Settings(), "r1"))))


TEXT = [["hello!"], [Done()]]
TEXT_WITH_CONTEXT = [["hello r1!"], [Done()]]
STREAM = [["hello!"], [Usage(1), Done("length")]]
STREAM_WITH_CONTEXT = [["hello r1!"], [Usage(1), Done("length")]]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (says, TEXT),
        (says_with_context, TEXT_WITH_CONTEXT),
        (yields, STREAM),
        (yields_with_context, STREAM_WITH_CONTEXT),
        (says_later, TEXT),
        (says_later_with_context, TEXT_WITH_CONTEXT),
        (yields_later, STREAM),
        (yields_later_with_context, STREAM_WITH_CONTEXT),
        (gives_a_stream_later, STREAM),
        (Stream, STREAM),
        (Caller(), TEXT),
        (Caller().method, TEXT_WITH_CONTEXT),
        (Caller().later, STREAM),
        (functools.partial(lambda greeting, messages: greeting, "hello!"), TEXT),
        (lambda messages, mark="!": f"hello{mark}", TEXT),
        (lambda messages, *more, **others: "hello!", TEXT),
        (lambda messages: None, [[Done()]]),
        (lambda messages: [], [[Done()]]),
        (lambda messages: iter(["hello!"]), TEXT),
    ],
)
def test_every_kind_of_callable_answers(function: Callable[..., Any], expected: Any) -> None:
    assert run(function) == expected


@pytest.mark.parametrize("result", [1, b"bytes", {"content": "x"}, Usage(1)])
def test_a_result_that_is_no_answer_is_a_type_error(result: Any) -> None:
    with pytest.raises(TypeError, match=f"'<lambda>' returned {type(result).__name__}, not text"):
        run(lambda messages: result)


async def fails_later(messages: list[Any]) -> str:
    raise LookupError("later")


async def fails_while_yielding(messages: list[Any]) -> AsyncIterator[str]:
    yield "a"
    raise LookupError("later")


@pytest.mark.parametrize("function", [fails_later, fails_while_yielding])
def test_errors_of_async_agents_come_back(function: Callable[..., Any]) -> None:
    with pytest.raises(LookupError, match="later"):
        run(function)


def three(a: Any, b: Any, c: Any) -> None: ...
def none() -> None: ...
def many(*args: Any) -> None: ...
def by_name(messages: Any, *, key: str) -> None: ...


@pytest.mark.parametrize("function", [three, none, many, by_name, functools.partial(says, [])])
def test_other_signatures_are_errors_that_name_the_agent(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=r"Agent 'mine': its function must take \(messages\) or \(request, ctx\)"):
        CallableAgent(function, "mine")


@pytest.mark.parametrize("function", [dict, None, "text"])
def test_what_has_no_signature_is_an_error(function: Any) -> None:
    with pytest.raises(ConfigError, match="'mine'"):
        CallableAgent(function, "mine")


@pytest.mark.parametrize(
    ("function", "name", "description"),
    [(says, "says", "Says it."), (functools.partial(says), "says", "Says it."), (Caller(), "agent", "Calls.")],
)
def test_name_and_description_come_from_the_function(function: Callable[..., Any], name: str, description: str) -> None:
    agent = CallableAgent(function)
    assert (agent.name, agent.description) == (name, description)


def test_given_name_and_description_win() -> None:
    agent = CallableAgent(says, "other", "Other.")
    assert (agent.name, agent.description) == ("other", "Other.")


def test_the_agent_gets_a_list_of_its_own() -> None:
    messages = [{"role": "user", "content": "hello"}]
    list(CallableAgent(lambda messages: messages.clear()).run(RunRequest(messages), RunContext(Settings())))
    assert len(messages) == 1


async def waits_after_text(messages: list[Any]) -> AsyncIterator[str]:
    try:
        yield "a"
        await asyncio.Event().wait()
    finally:
        messages[0]["closed"] = True


async def waits(messages: list[Any]) -> str:
    messages[0]["begun"] = True
    try:
        await asyncio.Event().wait()
    finally:
        messages[0]["closed"] = True
    return ""


@pytest.mark.parametrize("function", [waits, waits_after_text])
def test_cancelling_the_run_closes_an_async_agent(function: Callable[..., Any]) -> None:
    message: dict[str, Any] = {}
    run = Run(CallableAgent(function), RunRequest([message]), RunContext(Settings())).start()
    if function is waits_after_text:
        assert run.next(5) == ["a"]
    else:
        wait_until(lambda: message.get("begun"))
    run.cancel(REQUESTED)
    wait_until(lambda: message.get("closed"))
    assert run.join(5)
