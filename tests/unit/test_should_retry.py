"""Which runs that were ended from outside a client may ask for again by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import NO_RETRY
from flask_agent_api.runtime.agent import Agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.callable_agent import CallableAgent
from flask_agent_api.runtime.cancel_reason import SHUTDOWN
from flask_agent_api.runtime.run import Run
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.types import Error
from flask_agent_api.types import RunRequest


def headers_after(agent: Agent, go: threading.Event, *, started: bool) -> dict[str, str]:
    run = Run(agent, RunRequest([{"role": "user", "content": "hi"}]), RunContext(Settings()))
    if started:
        assert run.start().next(5) == ["begun"]
    run.cancel(SHUTDOWN)
    batch = run.next(5)
    go.set()
    assert run.join(5)
    assert batch is not None
    (error,) = batch
    assert isinstance(error, Error)
    return error.error.headers


def python_agent(go: threading.Event) -> Agent:
    def works(messages: list[Any]) -> Iterator[str]:
        yield "begun"
        go.wait(5)

    return CallableAgent(works)


def model_agent(go: threading.Event) -> Agent:
    return ModelAgent("root", ScriptedModel(["begun", go]))


@pytest.mark.parametrize("started", [True, False])
def test_an_agent_that_runs_tools_alone_may_be_asked_again(started: bool) -> None:
    go = threading.Event()
    assert headers_after(model_agent(go), go, started=started) == {}


@pytest.mark.parametrize("started", [True, False])
def test_an_agent_in_python_may_have_had_effects_once_it_started(started: bool) -> None:
    go = threading.Event()
    assert headers_after(python_agent(go), go, started=started) == (NO_RETRY if started else {})
