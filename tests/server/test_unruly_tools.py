"""Tools that hang, compute, flood, do not let themselves be ended, or are there when their worker is killed.

The model is told, the server goes on, and nothing is left behind.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.testing import FakeUpstream

from ..processes import children
from ..processes import runs
from ..support import QUESTION
from ..support import RawClient
from ..support import Server
from ..waiting import wait_until

pytestmark = pytest.mark.slow

MCP_SERVER = Path(__file__).parent.parent / "data" / "mcp_fake_server.py"
TOOLS = """
import itertools, os, subprocess, threading, time
from pathlib import Path
from flask_agent_api import tool

def note(name, *pids):
    Path(f"{name}.new").write_text(" ".join(map(str, pids)))
    Path(f"{name}.new").rename(f"{name}.pids")

@tool(process=True, timeout=20)
def add(left: int, right: int) -> int:
    "Adds."
    return left + right

@tool(process=True, timeout=20)
def spin() -> None:
    "Computes for ever."
    note("spin", os.getpid(), subprocess.Popen(["sleep", "300"]).pid)
    while True:
        pass

@tool(process=True, timeout=3)
def spin_shortly() -> None:
    "Does the same for three seconds."
    spin()

@tool
def compute() -> str:
    "Holds the worker up."
    until = time.monotonic() + 0.8
    while time.monotonic() < until:
        pass
    return "computed"

@tool(timeout=0.3)
def swallow() -> None:
    "Does not let itself be ended."
    swallow_for_long()

@tool
def swallow_for_long() -> None:
    "Neither does it, and it has more time."
    note("swallow", os.getpid())
    while not os.path.exists("released"):
        try:
            time.sleep(0.05)
        except BaseException:
            pass

@tool
def give_back(what: str):
    "Gives back what no model could read."
    if what == "endless":
        return itertools.count()
    if what == "generator":
        return ("again" for _ in itertools.count())
    if what == "huge":
        return "x" * 100_000_000
    if what == "odd":
        return {"lock": threading.Lock(), "set": {1}, "bytes": b"\\xff", "number": float("nan")}
    loop = []
    loop.append(loop)
    return loop
"""
SCRIPT = "sleep 300 & echo $$ $! > script.new; mv script.new script.pids; wait"


def serve(folder: Path, upstream: FakeUpstream, kind: str) -> Server:
    names = ("add", "spin", "spin_shortly", "compute", "swallow", "swallow_for_long", "give_back")
    toolsets = [
        {"type": "python", "tools": [f"unruly:{name}" for name in names]},
        {"type": "shell"},
        {"type": "script", "shell": {"script": {"cmd": SCRIPT}}},
        {"type": "mcp", "command": sys.executable, "args": [str(MCP_SERVER), "child", "notes=notes.txt"]},
    ]
    agent = {"model": "m", "instruction": "Try.", "toolsets": toolsets}
    model = {"provider": "openai", "model": "gpt", "base_url": upstream.url}
    files = {"team.yaml": json.dumps({"agents": {"root": agent}, "models": {"m": model}}), "unruly.py": TOOLS}
    env = {
        "OPENAI_API_KEY": "sk-0123456789",
        "FLASK_AGENT_API_AGENTS": "team.yaml",
        "FLASK_AGENT_API_ALLOW": "shell,script",
        "FLASK_AGENT_API_HUB_STALL_SECONDS": "0.3",
    }
    return Server(folder, files, kind=kind, app="flask_agent_api.wsgi:app", env=env)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("unruly"), upstream, "gevent") as server:
        yield server


@pytest.fixture(scope="module", params=["gthread", "flask"])
def threads(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream
) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("threads"), upstream, request.param) as server:
        yield server


def ask(server: Server) -> str:
    """The answer's text."""
    with RawClient(server.port, 30) as client:
        client.post()
        response = client.response()
        body: Any = json.loads(response.read())
    assert response.status == 200, body
    return str(body["choices"][0]["message"]["content"])


def told(server: Server, upstream: FakeUpstream, name: str, **arguments: object) -> str:
    """What the model is told of a call; it goes on after it."""
    upstream.reset()
    upstream.tool_call(name, arguments)
    upstream.text("done")
    assert ask(server) == "done"
    return str(upstream.requests[-1].json["messages"][-1]["content"])


def pids(server: Server, name: str) -> list[int]:
    """The processes of a call, as soon as they are there."""
    path = server.folder / f"{name}.pids"
    wait_until(path.exists)
    found = list(map(int, path.read_text().split()))
    path.unlink()
    return found


def begin(client: RawClient, upstream: FakeUpstream, *calls: tuple[str, dict[str, Any]]) -> None:
    upstream.reset()
    for name, arguments in calls:
        upstream.tool_call(name, arguments)
    client.post(stream=True)


def test_a_process_of_its_own_answers_and_is_ended_at_its_time_limit(server: Server, upstream: FakeUpstream) -> None:
    assert told(server, upstream, "add", left=2, right="3") == "5"
    assert told(server, upstream, "spin_shortly") == "Error: the tool spin_shortly timed out after 3 s."
    assert not any(map(runs, pids(server, "spin")))


def test_so_it_is_in_threads(threads: Server, upstream: FakeUpstream) -> None:
    assert told(threads, upstream, "add", left=2, right="3") == "5"
    assert told(threads, upstream, "spin_shortly") == "Error: the tool spin_shortly timed out after 3 s."
    spinning = pids(threads, "spin")
    wait_until(lambda: not any(map(runs, spinning)))


def test_what_computes_elsewhere_holds_up_nobody_and_goes_with_its_client(
    server: Server, upstream: FakeUpstream
) -> None:
    with RawClient(server.port) as client:
        begin(client, upstream, ("spin", {}))
        spinning = pids(server, "spin")
        with RawClient(server.port) as other:
            other.send("GET", "/v1/models")
            assert other.response().status == 200
        assert all(map(runs, spinning))
    wait_until(lambda: not any(map(runs, spinning)))


def test_where_a_tool_holds_up_the_worker_is_in_the_log(server: Server, upstream: FakeUpstream) -> None:
    assert told(server, upstream, "compute") == "computed"
    stack = server.log.partition("this worker has stood still for 0.")[2]
    assert "unruly.py" in stack
    assert "in compute\n" in stack


@pytest.mark.parametrize(
    ("what", "begins", "ends"),
    [
        ("endless", "[0,1,2,", "]\n[cut: there is more]"),
        ("generator", '["again",', "]\n[cut: there is more]"),
        ("huge", "xxx", "\n[cut: 99970000 more characters]"),
        ("odd", '{"lock":"<', '"set":[1],"bytes":"_w==","number":"NaN"}'),
        ("circle", "Error: the tool give_back failed (", ")."),
    ],
)
def test_whatever_a_tool_gives_back_the_model_can_read_it(
    server: Server, upstream: FakeUpstream, what: str, begins: str, ends: str
) -> None:
    text = told(server, upstream, "give_back", what=what)
    assert text.startswith(begins)
    assert text.endswith(ends)
    assert len(text) < 30_100


def test_a_tool_that_cannot_be_ended_is_left_behind_after_five_seconds(server: Server, upstream: FakeUpstream) -> None:
    started = time.monotonic()
    assert told(server, upstream, "swallow").startswith("Error: the tool swallow timed out after 0.3 s.")
    assert time.monotonic() - started < 10
    assert "tool swallow does not end although it was cancelled: left behind" in server.log
    assert told(server, upstream, "add", left=1, right=1) == "2"
    (server.folder / "released").touch()
    pids(server, "swallow")


def test_a_conversation_is_free_five_seconds_after_its_client_left_a_tool_that_goes_on(
    server: Server, upstream: FakeUpstream
) -> None:
    (server.folder / "released").unlink(missing_ok=True)
    upstream.reset()
    upstream.tool_call("swallow_for_long", {})
    with RawClient(server.port) as client:
        next_turn(client)
        pids(server, "swallow")
        assert status_of_next_turn(server) == 409
    upstream.text("free")
    assert wait_until(lambda: status_of_next_turn(server) == 200, 8.0) > 4.0
    assert "tool swallow_for_long does not end although it was cancelled: left behind" in server.log
    (server.folder / "released").touch()


def next_turn(client: RawClient) -> None:
    client.send("POST", "/v1/chat/completions", "X-Conversation-Id: unruly", body=json.dumps(QUESTION).encode())


def status_of_next_turn(server: Server) -> int:
    with RawClient(server.port) as client:
        next_turn(client)
        return client.response().status


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("spin", {}), ("shell", {"cmd": SCRIPT.replace("script", "shell"), "timeout": 300}), ("script", {})],
)
def test_a_killed_worker_leaves_no_process_behind(
    server: Server, upstream: FakeUpstream, name: str, arguments: dict[str, Any]
) -> None:
    """No command, job, Python tool or MCP server runs five seconds later, nor what these have started."""
    (server.folder / "notes.txt").write_text("")
    told(server, upstream, "echo", text="hello")
    started = (server.folder / "notes.txt").read_text().splitlines()
    servers = [int(line.split()[1]) for line in started if line.startswith(("start", "child"))]
    with RawClient(server.port) as client:
        begin(client, upstream, ("run_background_job", {"cmd": SCRIPT.replace("script", "job")}), (name, arguments))
        left = [*servers, *pids(server, "job"), *pids(server, name)]
        assert all(map(runs, left))
        (worker,) = children(server.pid)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not any(map(runs, left)))
    assert len(left) >= 4
    assert told(server, upstream, "add", left=1, right=1) == "2"


def test_a_picture_by_its_url_is_passed_on_and_not_fetched(server: Server, upstream: FakeUpstream) -> None:
    """It may be an address of ours that the client cannot reach itself."""
    upstream.reset()
    upstream.text("seen")
    picture = {"type": "image_url", "image_url": {"url": f"{upstream.url}/secret.png"}}
    with RawClient(server.port) as client:
        client.post(messages=[{"role": "user", "content": [picture]}])
        assert client.response().status == 200
    (asked,) = upstream.requests
    assert asked.json["messages"][-1]["content"] == [picture]
