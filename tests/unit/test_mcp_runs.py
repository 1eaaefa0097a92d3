"""MCP servers that belong to one run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api import loop_thread
from flask_agent_api.concurrency import spawn
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.cancel_reason import REQUESTED
from flask_agent_api.runtime.run import Run
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.header_template import HeaderTemplate
from flask_agent_api.tools.header_template import RequestHeader
from flask_agent_api.tools.mcp.callers import connections
from flask_agent_api.tools.mcp.runs import RunConnections
from flask_agent_api.tools.mcp.toolset import MCPServerConfig
from flask_agent_api.tools.mcp.toolset import MCPToolset
from flask_agent_api.types import RunRequest
from flask_agent_api.types import ToolResult
from tests.processes import runs
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

pytest.importorskip("mcp")

FAKE = str(Path(__file__).parent.parent / "data" / "mcp_fake_server.py")


@pytest.fixture(autouse=True, scope="module")
def loop() -> Iterator[None]:
    yield
    loop_thread.stop(3)


@pytest.fixture
def toolset(tmp_path: Path) -> Iterator[MCPToolset]:
    toolset = MCPToolset(MCPServerConfig("fake", command=sys.executable, args=(FAKE, f"notes={tmp_path / 'notes'}")))
    yield toolset
    toolset.close()


def context(per_run: bool = True) -> RunContext:
    return RunContext(Settings(mcp_per_run=per_run))


def pid(toolset: MCPToolset, ctx: RunContext) -> int:
    tool = next(tool for tool in toolset.tools(ctx) if tool.name == "pid")
    result = tool.call({}, ctx)
    assert isinstance(result, ToolResult)
    return int(result.content)


def test_each_run_has_a_server_that_ends_with_it(toolset: MCPToolset) -> None:
    first, second = context(), context()
    mine, other = pid(toolset, first), pid(toolset, second)
    assert mine != other
    assert pid(toolset, first) == mine
    assert pid(toolset, first.child("helper", first.emit)) == mine  # what it delegates is part of the run
    assert toolset.instructions(first) == "Be kind to the fake server."
    first.on_end.close()
    wait_until(lambda: not runs(mine))
    assert runs(other)
    second.on_end.close()
    wait_until(lambda: not runs(other))


def test_without_the_setting_all_share_one(toolset: MCPToolset) -> None:
    shared = pid(toolset, context(per_run=False))
    own = context()
    assert pid(toolset, own) != shared
    own.on_end.close()
    assert pid(toolset, context(per_run=False)) == shared


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_run_takes_its_server_along_however_it_ends(toolset: MCPToolset, tmp_path: Path, cancelled: bool) -> None:
    model = ScriptedModel([tool_call("hang" if cancelled else "pid")], "done")
    run = Run(ModelAgent("root", model, toolsets=(toolset,)), RunRequest([{"role": "user", "content": "x"}]), context())
    run.start()
    if cancelled:
        wait_until(lambda: (tmp_path / "notes").exists() and "call hang" in (tmp_path / "notes").read_text())
        run.cancel(REQUESTED)
    for _ in run.batches():
        pass
    started = int((tmp_path / "notes").read_text().split()[1])
    wait_until(lambda: not runs(started))


def test_a_server_whose_run_ends_while_it_starts_is_ended_too(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    toolset = MCPToolset(MCPServerConfig("slow", command=sys.executable, args=(FAKE, f"notes={notes}", "slow=0.5")))
    ctx = context()
    told: list[str] = []

    def ask() -> None:
        try:
            pid(toolset, ctx)
        except ToolError as exc:
            told.append(str(exc))

    task = spawn(ask)
    wait_until(notes.exists)
    ctx.on_end.close()
    assert task.join(10)
    assert told == ["MCP server slow: the run has ended"]
    started = int(notes.read_text().split()[1])
    wait_until(lambda: not runs(started))
    with pytest.raises(ToolError, match="the run has ended"):
        toolset.tools(ctx)


def test_headers_of_the_request_are_those_of_the_runs_own_connection() -> None:
    template = HeaderTemplate((RequestHeader("x-user"),))
    config = MCPServerConfig(
        "web", url="http://127.0.0.1:9/mcp", transport="http", request_headers={"X-User": template}
    )
    pool = RunConnections(config, connections(config))
    ctx = RunContext(Settings(mcp_per_run=True), headers={"x-user": "ada"})
    with pool.lease(ctx) as server, pool.lease(ctx) as again:
        assert server is again is pool.peek(ctx)
        assert (server._config.headers, server._config.request_headers) == ({"X-User": "ada"}, {})
    ctx.on_end.close()
