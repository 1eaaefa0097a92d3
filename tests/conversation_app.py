"""An app whose agent says how much of the conversation it sees, and how long its hub stood still."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gevent
from flask import Flask

from flask_agent_api import AgentAPI
from flask_agent_api import ModelAgent
from flask_agent_api.models.base import Finish
from flask_agent_api.models.base import ModelEvent
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset


class SlowEcho:
    """A model that calls a tool, and then answers in pieces: how many users' messages it read, and the last of them."""

    name = "slow-echo"

    def stream(self, request: ModelRequest) -> Iterator[Sequence[ModelEvent]]:
        questions = [message["content"] for message in request.messages if message["role"] == "user"]
        time.sleep(random.uniform(0, 0.01))
        if request.messages[-1]["role"] == "user":
            yield [ToolCallDelta(0, "", "note", '{"text": "x"}'), Finish("tool_calls")]
            return
        for piece in (f"{len(questions)} questions, ", "the last: ", questions[-1]):
            time.sleep(random.uniform(0, 0.01))
            yield [piece]
        yield [Finish("stop")]


def note(text: str) -> str:
    """Takes a note."""
    return "noted"


class Standstill:
    """The longest time for which the hub ran nothing, less what the kernel gave to others while it was ready."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._runs = False

    def watch(self) -> None:
        if not self._runs:
            self._runs = True
            gevent.spawn(self._look)

    def _look(self) -> None:
        while True:
            began = time.monotonic() - _not_scheduled()
            gevent.sleep(0.001)
            self.longest = max(self.longest, time.monotonic() - _not_scheduled() - began - 0.001)


def _not_scheduled() -> float:
    """Seconds that this thread has waited for a processor since it began; 0 where the kernel does not count them."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def create_app(config: dict[str, Any] | None = None) -> Flask:
    app, standstill = Flask(__name__), Standstill()
    app.config.update(config or {})
    toolset = FunctionToolset("own", [FunctionTool(note)])
    AgentAPI(app, agents=[ModelAgent("root", SlowEcho(), toolsets=(toolset,))])
    app.before_request(standstill.watch)

    @app.get("/standstill")
    def show() -> dict[str, float]:
        longest, standstill.longest = standstill.longest, 0.0
        return {"seconds": longest}

    return app
