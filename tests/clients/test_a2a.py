"""Tools of the toolset ``a2a`` against the protocol's own SDK. Run it with: pytest -m clients"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.a2a.toolset import A2AConfig
from flask_agent_api.tools.a2a.toolset import A2AToolset
from flask_agent_api.tools.a2a.toolset import SkillTool
from flask_agent_api.tools.http.url import parse_url
from flask_agent_api.types import ToolResult

from ..waiting import wait_until
from .environments import python_environment

pytestmark = pytest.mark.clients

SERVER = Path(__file__).parents[1] / "data" / "a2a_sdk_server.py"
CTX = RunContext(Settings(allow=("private-network",)))


@pytest.fixture(scope="module", params=["1.0", "0.3"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    python = python_environment("a2a_sdk") / "bin" / "python"
    process = subprocess.Popen([str(python), str(SERVER), request.param], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def echo(address: str) -> SkillTool:
    (tool,) = A2AToolset(A2AConfig(parse_url(address), name="sdk", timeout=2.0)).tools(CTX)
    assert isinstance(tool, SkillTool)
    return tool


def cancelled(address: str) -> list[str]:
    with urllib.request.urlopen(f"{address}/cancelled") as response:
        return list(json.load(response))


def test_the_agent_answers(echo: SkillTool) -> None:
    assert echo.name == "sdk_echo_it"
    assert echo.call({"message": "hello"}, CTX) == ToolResult("You said: hello")
    assert echo.call({"message": "message"}, CTX) == ToolResult("at once")
    with pytest.raises(ToolError, match="failed: out of paper"):
        echo.call({"message": "fail"}, CTX)


def test_what_is_left_is_cancelled_there(echo: SkillTool, address: str) -> None:
    with pytest.raises(ToolError, match="within 2 seconds"):
        echo.call({"message": "long"}, CTX)
    wait_until(lambda: len(cancelled(address)) == 1)
    call = spawn(lambda: echo.call({"message": "long"}, CTX))
    assert not call.join(1.0)
    call.cancel(Cancelled("gone"))
    wait_until(lambda: len(cancelled(address)) == 2)
