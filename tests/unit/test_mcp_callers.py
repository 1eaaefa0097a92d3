"""Connections to an MCP server that belong to one caller each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_agent_api.concurrency import spawn
from flask_agent_api.context import Principal
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.header_template import HeaderTemplate
from flask_agent_api.tools.header_template import RequestHeader
from flask_agent_api.tools.mcp import callers as mcp_callers
from flask_agent_api.tools.mcp.callers import CallersConnections
from flask_agent_api.tools.mcp.toolset import MCPServerConfig
from flask_agent_api.tools.mcp.toolset import MCPToolset
from flask_agent_api.types import ToolResult
from tests.ports import free_port
from tests.ports import listens
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

pytest.importorskip("mcp")

ECHO = Path(__file__).parent.parent / "data" / "mcp_header_server.py"
TOKEN = HeaderTemplate(("Bearer ", RequestHeader("x-user-token")))


def config(url: str = "http://127.0.0.1:9/mcp", transport: str = "http") -> MCPServerConfig:
    return MCPServerConfig("echo", url=url, transport=transport, request_headers={"X-Token": TOKEN})  # type: ignore[arg-type]


def caller(token: str, principal: str = "ada") -> RunContext:
    return RunContext(Settings(), principal=Principal(principal), headers={"x-user-token": token})


@pytest.fixture
def pool() -> CallersConnections:
    """Nothing is connected until a tool is asked for."""
    return CallersConnections(config())


@pytest.fixture(params=["http", "sse"])
def toolset(request: pytest.FixtureRequest) -> Iterator[MCPToolset]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(ECHO), str(port), request.param], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: listens(port))
    toolset = MCPToolset(config(f"http://127.0.0.1:{port}/{'sse' if request.param == 'sse' else 'mcp'}", request.param))
    yield toolset
    toolset.close()
    process.kill()
    process.wait()


def test_callers_at_once_are_told_apart(toolset: MCPToolset) -> None:
    contexts = [caller(f"{number % 3}", principal) for number in range(6) for principal in ("ada", "bo")]
    seen: dict[int, str] = {}

    def work(number: int) -> None:
        (whoami,) = toolset.tools(contexts[number])
        result = whoami.call({"wait": 0.1}, contexts[number])
        assert isinstance(result, ToolResult)
        seen[number] = json.loads(result.content)["x-token"]

    tasks = [spawn(work, number) for number in range(len(contexts))]
    assert all(task.join(30) for task in tasks)
    assert seen == {number: f"Bearer {context.headers['x-user-token']}" for number, context in enumerate(contexts)}
    assert toolset.status() == "connected for 6 callers"
    assert toolset.instructions(contexts[0]) == "Ask who is there."
    assert toolset.instructions(caller("unseen")) == ""


def test_a_connection_is_shared_by_the_runs_of_one_caller_alone(pool: CallersConnections) -> None:
    with pool.lease(caller("1")) as first, pool.lease(caller("1")) as again:
        assert first is again
    with pool.lease(caller("1", "bo")) as other, pool.lease(caller("2")) as renewed:
        assert len({first, other, renewed}) == 3
    assert pool.peek(caller("1")) is first
    assert pool.peek(caller("3")) is None


def test_the_one_that_was_not_used_for_longest_makes_room(
    pool: CallersConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_callers, "MOST_CALLERS", 3)
    with pool.lease(caller("busy")):
        for token in ("a", "b", "a", "c"):
            with pool.lease(caller(token)):
                pass
    assert pool.status() == "connected for 3 callers"
    assert [pool.peek(caller(token)) is not None for token in ("busy", "a", "b", "c")] == [True, True, False, True]


def test_a_caller_too_many_is_refused_while_all_are_busy(
    pool: CallersConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_callers, "MOST_CALLERS", 2)
    with ExitStack() as stack:
        for token in ("a", "b"):
            stack.enter_context(pool.lease(caller(token)))
        with pytest.raises(ToolError, match="2 callers use it at the moment"), pool.lease(caller("c")):
            pass
        stack.enter_context(pool.lease(caller("a")))
    with pool.lease(caller("c")):
        assert pool.status() == "connected for 2 callers"


def test_what_nobody_uses_is_closed_after_a_while(pool: CallersConnections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_callers, "IDLE_SECONDS", 0.02)
    with pool.lease(caller("busy")):
        with pool.lease(caller("a")):
            assert pool.status() == "connected for 2 callers"
        wait_until(lambda: pool.peek(caller("a")) is None)
        assert pool.peek(caller("busy")) is not None
    wait_until(lambda: pool.status() == "not started")
    with pool.lease(caller("a")):
        pass
    wait_until(lambda: pool.status() == "not started")


def test_a_value_that_is_not_fit_to_be_sent_is_refused(pool: CallersConnections) -> None:
    for value in ("a\r\nX-Admin: 1", "a\nb", "a\0", "caf\xe9", "a\tb"):
        with pytest.raises(ToolError, match="x-user-token has characters that cannot be passed on"):
            pool.lease(caller(value)).__enter__()


def test_keys_do_not_give_values_away() -> None:
    key = mcp_callers._key(caller("very-secret"), {"X-Token": "Bearer very-secret"})
    assert "secret" not in key
    assert key == mcp_callers._key(caller("very-secret"), {"X-Token": "Bearer very-secret"})
    assert "secret" not in repr(config())
