"""Clients see nothing of the tools by which a tiny agent ends its turn."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from flask_agent_api import AgentAPI
from flask_agent_api import ModelAgent
from flask_agent_api.formats.tiny_agents.loader import EXIT_TOOLS
from flask_agent_api.settings import TOOL_ACTIVITY
from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from tests.support import QUESTION


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("mode", TOOL_ACTIVITY)
def test_an_exit_is_in_no_answer(mode: str, stream: bool) -> None:
    replies = [[tool_call("add", a=1, b=2)], ["It is ", "3.", tool_call("task_complete", trigger=True)]]
    toolset = FunctionToolset("math", [FunctionTool(add)])
    agent = ModelAgent("tiny", ScriptedModel(*replies), toolsets=(toolset,), exit_tools=EXIT_TOOLS)
    app = Flask("host")
    app.config.update(AGENT_API_TOOL_ACTIVITY=mode, AGENT_API_ACTIVITY_PREVIEW=100)
    AgentAPI(app, agents=[agent])
    response = app.test_client().post("/v1/chat/completions", json={**QUESTION, "stream": stream})
    assert response.status_code == 200
    assert "It is " in response.text
    assert "task_complete" not in response.text
    assert "trigger" not in response.text
    if stream:
        assert collect_sse(response.get_data()).finish_reason == "stop"
    else:
        assert json.loads(response.text)["choices"][0]["finish_reason"] == "stop"
