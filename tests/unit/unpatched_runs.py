"""A script: runs where gevent has patched nothing, so that tasks are threads. Prints what it saw as JSON."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from flask_agent_api.concurrency import patched
from flask_agent_api.context import RunContext
from flask_agent_api.errors import RequestError
from flask_agent_api.per_process import PerProcess
from flask_agent_api.runtime.agent import Agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.callable_agent import CallableAgent
from flask_agent_api.runtime.cancel_reason import REQUESTED
from flask_agent_api.runtime.run import Run
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Error
from flask_agent_api.types import RunRequest

REQUEST = RunRequest([{"role": "user", "content": "hello"}])
FOREVER = threading.Event()


def start(agent: Agent, **context: Any) -> Run:
    return Run(agent, REQUEST, RunContext(Settings(tool_timeout=0.1), **context)).start()


def seen(run: Run) -> list[str]:
    events = [event for batch in run.batches() for event in batch]
    return [
        e if isinstance(e, str) else e.error.code or "" if isinstance(e, Error) else type(e).__name__ for e in events
    ]


def with_tools(model: ScriptedModel, *functions: Callable[..., Any]) -> ModelAgent:
    tools = [FunctionTool(each, read_only=True) for each in functions]
    return ModelAgent("root", model, toolsets=(FunctionToolset("test", tools),))


def hang() -> None:
    FOREVER.wait()


def look() -> str:
    return "seen"


def answers(messages: list[Any]) -> Iterator[str]:
    yield from "abcdefgh"


async def answers_later(messages: list[Any]) -> str:
    return "later"


def fails(messages: list[Any]) -> str:
    raise RequestError("no", code="my_error")


def exits(messages: list[Any]) -> str:
    raise SystemExit(3)


def says_and_hangs(messages: list[Any]) -> Iterator[str]:
    yield "begun"
    FOREVER.wait()


def says_for_ever(messages: list[Any]) -> Iterator[str]:
    while True:
        yield "more"


def cancelled(function: Callable[..., Any]) -> list[Any]:
    run = start(CallableAgent(function))
    first = run.next(5)
    run.cancel(REQUESTED)
    run.cancel(REQUESTED)
    return [first, seen(run)[-1], run.join(5 if function is says_for_ever else 0)]


def made_by_many_threads() -> int:
    made: list[object] = []
    barrier = threading.Barrier(8)
    value: PerProcess[object] = PerProcess(lambda: time.sleep(0.02) or made.append(1))

    def get() -> None:
        barrier.wait()
        value.get()

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(made)


def main() -> None:
    begun = time.monotonic()
    hanging = ScriptedModel([tool_call("hang"), tool_call("look")], "done")
    report = {
        "patched": patched(),
        "answer": seen(start(CallableAgent(answers))),
        "async": seen(start(CallableAgent(answers_later))),
        "error": seen(start(CallableAgent(fails))),
        "exit": seen(start(CallableAgent(exits))),
        "tools": seen(start(with_tools(ScriptedModel([tool_call("look")], "done"), look))),
        "time-out": seen(start(with_tools(hanging, hang, look))),
        "results": [m["content"] for m in hanging.requests[1].messages if m["role"] == "tool"],
        "deadline": seen(start(CallableAgent(says_and_hangs), deadline=time.monotonic() + 0.1)),
        "cancel": cancelled(says_and_hangs),
        "cancel of a writer": cancelled(says_for_ever),
        "made": made_by_many_threads(),
    }
    report["quick"] = time.monotonic() - begun < 4
    print(json.dumps(report))


if __name__ == "__main__":
    main()
