"""Runs of agents that are written for a test."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask_agent_api.context import RunContext
from flask_agent_api.errors import AgentAPIError
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.run import Run
from flask_agent_api.runtime.run import RunCancelled
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Batch
from flask_agent_api.types import Error
from flask_agent_api.types import RunRequest

REQUEST = RunRequest([{"role": "user", "content": "hello"}])
NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME", default="none")


class Plain:
    """An agent whose ``run`` is a function."""

    name = "plain"
    description = ""

    def __init__(self, run: Callable[[RunRequest, RunContext], Any]) -> None:
        self.run = run


def run_of(agent: Callable[..., Any], **context: Any) -> Run:
    return Run(Plain(agent), REQUEST, RunContext(Settings(), "r1", **context))


def start(agent: Callable[..., Any], **context: Any) -> Run:
    return run_of(agent, **context).start()


def batches_of(agent: Callable[..., Any]) -> list[Batch]:
    run = start(agent)
    batches = list(run.batches())
    assert run.join(5)
    return batches


def error_of(batch: Batch | None) -> AgentAPIError:
    assert batch is not None
    (error,) = batch
    assert isinstance(error, Error)
    return error.error


def tool_agent(model: ScriptedModel, *functions: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    tools = [FunctionTool(each, **options) for each in functions]
    return ModelAgent("root", model, toolsets=(FunctionToolset("test", tools),)).run


class Hanging:
    """An agent that says a word, waits, and takes its time to clean up."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.clean = threading.Event()
        self.go = threading.Event()

    def __call__(self, request: RunRequest, ctx: RunContext) -> Iterator[str]:
        try:
            yield "begun"
            self.go.wait(30)
        except RunCancelled as exc:
            self.log.append(str(exc))
            raise
        finally:
            self.clean.wait(30)
            self.log.append("clean")


class Scope:
    """Writes down when it is entered and left."""

    def __init__(self) -> None:
        self.log: list[str] = []

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.log.append("enter")
        try:
            yield
        finally:
            self.log.append("leave")
