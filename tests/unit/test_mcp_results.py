"""What the tools of an MCP server give back, as an agent's model gets it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api import loop_thread
from flask_agent_api.context import RunContext
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.mcp.toolset import MCPServerConfig
from flask_agent_api.tools.mcp.toolset import MCPToolset
from flask_agent_api.types import RunRequest

pytest.importorskip("mcp")

FAKE = str(Path(__file__).parent.parent / "data" / "mcp_fake_server.py")


@pytest.fixture(scope="module")
def toolset() -> Iterator[MCPToolset]:
    toolset = MCPToolset(MCPServerConfig("fake", command=sys.executable, args=(FAKE,)))
    yield toolset
    toolset.close()
    loop_thread.stop(3)


def results(toolset: MCPToolset, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    """The messages that follow a call of a tool."""
    model = ScriptedModel([tool_call(tool, **arguments)], "done")
    agent = ModelAgent("root", model, toolsets=(toolset,))
    request = RunRequest([{"role": "user", "content": "hello"}])
    for _ in agent.run(request, RunContext(Settings(tool_output_chars=1_000))):
        pass
    messages = list(model.requests[1].messages)
    return messages[[message["role"] for message in messages].index("tool") :]


def test_images_follow_the_text(toolset: MCPToolset) -> None:
    result, shown = results(toolset, "blocks")
    assert result["content"].startswith("first\n[image, image/jpeg, 70 bytes]\n")
    assert shown["role"] == "user"
    urls = [part["image_url"]["url"] for part in shown["content"] if part["type"] == "image_url"]
    assert len(urls) == 2
    assert all(url.startswith("data:image/png;base64,iVBOR") for url in urls)  # whatever the server calls it


def test_a_large_result_is_cut_and_says_so(toolset: MCPToolset) -> None:
    (result,) = results(toolset, "big", text="5000")
    assert result["content"] == "x" * 1_000 + "\n[cut: 4000 more characters]"


def test_structured_content_and_errors_are_text(toolset: MCPToolset) -> None:
    assert results(toolset, "structured")[0]["content"] == '{"answer": 42}'
    assert results(toolset, "iserror")[0]["content"] == "Error: it went wrong"
