"""Agents that work together, over a gunicorn gevent worker."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import chunks
from tests.support import RawClient
from tests.support import Server
from tests.support import text_of
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

APP = '''
import json
import pathlib
import time

from flask_agent_api import agents, create_app, ModelAgent, tool
from flask_agent_api.runtime.background_agents import BackgroundAgents
from flask_agent_api.models.base import Finish, ToolCallDelta
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Usage


def chatter():
    """Text a piece at a time, while others are at work."""
    for number in range(200):
        yield f"{number} "
        time.sleep(0.0005)


class Script:
    """Gives the reply that is in turn, by the tool results in the conversation."""

    name = "script"

    def __init__(self, *replies):
        self._replies = replies

    def stream(self, request):
        for item in self._replies[sum(message["role"] == "tool" for message in request.messages)]:
            if item is chatter:
                yield from ([text] for text in chatter())
            else:
                yield [item() if callable(item) else item]


def call(name, /, **arguments):
    return [ToolCallDelta(0, "", name, json.dumps(arguments)), Usage(1, 1), Finish("tool_calls")]


def say(*texts):
    return [*texts, Usage(1, 1), Finish("stop")]


def mark(name):
    pathlib.Path(name).write_text(str(time.monotonic()))


@tool
def hang(name: str) -> str:
    """Works for long."""
    mark(f"{name}.begun")
    try:
        time.sleep(30)
    finally:
        mark(f"{name}.ended")
    return "never"


team = {}


def add(name, *replies, **fields):
    team[name] = ModelAgent(name, Script(*replies), team=team, **fields)
    agents.add(team[name])


tools = (FunctionToolset("tools", [hang]),)
add("desk", ["I am the desk."] + call("handoff", agent="clerk"), handoffs=("clerk",))
add("clerk", [], say("I am the ", "clerk."))
add("first", say("First."), force_handoff="second")
add("second", say("Second."))
add("lead", call("transfer_task", agent="slow", task="t", expected_output=""), say("done"), sub_agents=("slow",))
add("slow", call("hang", name="child"), toolsets=tools)


def after(name, text):
    """Says the text when a tool has made its mark."""
    while not pathlib.Path(name).exists():
        time.sleep(0.005)
    return text


for name, reply in {
    "early": [lambda: after("early.begun", "Enough."), Usage(1, 1), Finish("stop")],
    "gone": call("wait_background_agents", task_ids=["agent_task_1"]),
}.items():
    begin = call("run_background_agent", agent=f"{name}_worker", task="t")
    background = BackgroundAgents(name, team)
    add(name, begin, reply, toolsets=(background,), sub_agents=(f"{name}_worker",))
    add(f"{name}_worker", call("hang", name=name), toolsets=tools)


@tool(read_only=True)
def nap(name: str) -> str:
    """Naps."""
    time.sleep(0.001)
    return name


begin = [ToolCallDelta(n, "", "run_background_agent", '{"agent": "busy", "task": "t"}') for n in range(5)]
replies = [[*begin, Finish("tool_calls")], [], [], [], [], [chatter, Usage(1, 1), Finish("stop")]]
add("crowd", *replies, sub_agents=("busy",), toolsets=(BackgroundAgents("crowd", team),))
naps = [[*["let me nap "] * 5, *call("nap", name="n")]] * 10
add("busy", *naps, say("done"), toolsets=(FunctionToolset("naps", [nap]),))
app = create_app()
'''  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("teams"), {"app.py": APP}) as running:
        yield running


def ask(server: Server, model: str, **fields: Any) -> tuple[bytes, str]:
    """The body of the answer and who ran."""
    with RawClient(server.port) as client:
        client.post(model=model, **fields)
        response = client.response()
        body = response.read()
        assert response.status == 200, body
        return body, response.headers.get("X-Agent", "")


def marked(server: Server, name: str) -> float | None:
    """When a tool made a mark, on the clock of this machine."""
    path = Path(server.folder, name)
    text = path.read_text() if path.exists() else ""
    return float(text) if text else None


def test_a_handoff_is_one_answer_that_shows_who_speaks(server: Server) -> None:
    body, agent = ask(server, "desk", stream=True)
    assert agent == "desk"
    assert text_of(chunks(body)) == "I am the desk.\n\nI am the clerk."
    events = [json.loads(line[6:]).get("agent_event") for line in body.decode().split("\n\n") if line[6:7] == "{"]
    kinds = [(event["type"], event.get("name") or event["agent"]) for event in events if event]
    assert kinds == [("tool_start", "handoff"), ("tool_end", "handoff"), ("agent_start", "clerk")]
    assert [event for event in events if event][-1]["kind"] == "handoff"
    whole = json.loads(ask(server, "desk")[0])
    assert whole["choices"][0]["message"]["content"] == "I am the desk.\n\nI am the clerk."
    assert whole["usage"]["total_tokens"] == 4


@pytest.mark.parametrize("mode", ["none", "reasoning", "openwebui", "events"])
def test_modes_that_leave_the_content_alone_do_so_at_a_handoff(server: Server, mode: str) -> None:
    answer = json.loads(ask(server, f"desk:{mode}")[0])["choices"][0]["message"]
    assert answer["content"] == "I am the desk.\n\nI am the clerk."
    assert ("Handing over to clerk ..." in answer.get("reasoning_content", "")) == (mode == "reasoning")


def test_a_fixed_order_is_one_answer_with_all_texts(server: Server) -> None:
    assert text_of(chunks(ask(server, "first", stream=True)[0])) == "First.\n\nSecond."


@pytest.mark.parametrize(("agent", "tool"), [("lead", "child"), ("gone", "gone")])
def test_a_client_that_leaves_ends_the_tools_of_all_agents(server: Server, agent: str, tool: str) -> None:
    with RawClient(server.port) as client:
        client.post(stream=True, model=agent)
        client.response()
        wait_until(lambda: marked(server, f"{tool}.begun"))
        left = time.monotonic()
    wait_until(lambda: marked(server, f"{tool}.ended"))
    ended = marked(server, f"{tool}.ended")
    assert ended is not None
    assert ended - left < 0.25


def test_the_answer_ends_what_runs_in_the_background(server: Server) -> None:
    body, _ = ask(server, "early", stream=True)
    assert text_of(chunks(body)) == "Enough."
    assert marked(server, "early.ended")


def test_what_agents_do_at_the_same_time_comes_in_whole_frames(server: Server) -> None:
    body, _ = ask(server, "crowd", stream=True)
    assert text_of(chunks(body)) == "".join(f"{number} " for number in range(200))
    events = [json.loads(line[6:]).get("agent_event") for line in body.decode().split("\n\n") if line[6:7] == "{"]
    naps = [event["type"] for event in events if event and event.get("name") == "nap"]
    assert naps[:10] != ["tool_start", "tool_end"] * 5
    assert [event["type"] for event in events if event and event.get("agent") == "busy"].count("agent_start") == 5
    kinds = [event is None for event in events]
    assert sum(one != other for one, other in itertools.pairwise(kinds)) > 4
