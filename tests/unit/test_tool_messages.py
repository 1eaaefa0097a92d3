"""Images that tools give back reach the model, behind the results."""

from __future__ import annotations

from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.limits import AgentLimits
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Image
from flask_agent_api.types import RunRequest
from flask_agent_api.types import ToolResult

SHOWN = {
    "role": "user",
    "content": [
        {"type": "text", "text": "(shown by the tool look)"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ],
}


def look(text: str = "a picture") -> ToolResult:
    """Looks."""
    return ToolResult(text, images=(Image("image/png", "AAAA"),))


def said(text: str = "words") -> str:
    """Says."""
    return text


def second_request(*calls: Any, **fields: Any) -> list[dict[str, Any]]:
    model = ScriptedModel([*calls], "done")
    tools = FunctionToolset("eyes", [FunctionTool(look), FunctionTool(said)])
    agent = ModelAgent("root", model, toolsets=(tools,), **fields)
    request = RunRequest([{"role": "user", "content": "hello"}])
    for _ in agent.run(request, RunContext(Settings(tool_output_chars=1_000), deadline=1e9)):
        pass
    return list(model.requests[1].messages)


def test_images_stand_behind_all_results_of_a_reply() -> None:
    *_, first, second, third = second_request(tool_call("look"), tool_call("said"))
    assert (first["role"], first["content"]) == ("tool", "a picture")
    assert (second["role"], second["content"]) == ("tool", "words")
    assert third == SHOWN


@pytest.mark.parametrize("text", ["", "x" * 5_000])
def test_images_outlast_what_is_done_to_the_text(text: str) -> None:
    messages = second_request(tool_call("look", text=text))
    assert messages[-1] == SHOWN
    assert len(messages[-2]["content"]) < 1_100


def test_the_last_results_are_the_last_although_an_image_follows_them() -> None:
    limits = AgentLimits(num_history_items=1, max_old_tool_call_tokens=1)
    *_, call, result, shown = second_request(tool_call("look", text="a long text about it"), limits=limits)
    assert call["tool_calls"][0]["id"] == result["tool_call_id"]
    assert result["content"] == "a long text about it"
    assert shown == SHOWN
