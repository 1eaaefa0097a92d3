"""A team that makes use of the options of toolsets, with a real MCP server, under gunicorn."""

from __future__ import annotations

import sys
from pathlib import Path

import openai
import pytest

from flask_agent_api.testing import FakeUpstream
from tests.support import Server

pytest.importorskip("mcp")
pytest.importorskip("mcp_server_time")
pytest.importorskip("toon_format")
pytestmark = pytest.mark.slow

TEAM = """
models:
  strong: {{provider: openai, model: strong, base_url: "{url}", token_key: FAKE_KEY}}
  fast: {{provider: openai, model: fast, base_url: "{url}", token_key: FAKE_KEY}}
mcps:
  time: {{command: {python}, args: [-m, mcp_server_time], lifecycle: {{startup_timeout: 20s}}}}
agents:
  root:
    model: strong
    add_description_parameter: true
    toolsets:
      - {{type: mcp, ref: time, name: clock, defer: true, toon: "get_.*", model: fast, readonly: true}}
"""


def test_a_deferred_tool_is_found_and_its_result_is_read_by_its_model(
    tmp_path: Path, upstream: FakeUpstream, sdk: openai.OpenAI
) -> None:
    files = {"team.yaml": TEAM.format(url=upstream.url, python=sys.executable)}
    env = {"FAKE_KEY": "x", "FLASK_AGENT_API_AGENTS": "team.yaml"}
    upstream.tool_call("search_tool", {"query": "current time", "description": "to look around"})
    upstream.tool_call("add_tool", {"name": "clock_get_current_time"})
    upstream.tool_call("clock_get_current_time", {"timezone": "Asia/Tokyo", "description": "to know"})
    upstream.tool_call("search_tool", {"query": "convert"})
    upstream.text("It is late in Tokyo.")
    with Server(tmp_path, files, app="flask_agent_api.wsgi:app", env=env) as server:
        client = sdk.with_options(base_url=server.url, timeout=30)
        answer = client.chat.completions.create(model="root", messages=[{"role": "user", "content": "Late?"}])
    assert answer.choices[0].message.content == "It is late in Tokyo."
    calls = [request.json for request in upstream.requests]
    assert [call["model"] for call in calls] == ["strong", "strong", "strong", "fast", "strong"]
    names = [[tool["function"]["name"] for tool in call["tools"]] for call in calls]
    assert names[0] == names[1] == ["search_tool", "add_tool"]
    assert names[2] == [*names[0], "clock_get_current_time"]
    results = [message["content"] for message in calls[-1]["messages"] if message["role"] == "tool"]
    assert "clock_get_current_time" in results[0]
    assert results[2].startswith("timezone: Asia/Tokyo\ndatetime: ")
    assert "clock_get_current_time" not in results[3]
    assert "clock_convert_time" in results[3]
