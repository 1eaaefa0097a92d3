"""Tools under a longer name."""

from __future__ import annotations

from flask_agent_api.context import RunContext
from flask_agent_api.settings import Settings
from flask_agent_api.tools.prefixed import PrefixedToolset
from flask_agent_api.tools.think import ThinkToolset


def test_tools_carry_the_prefix_and_still_work() -> None:
    ctx = RunContext(Settings())
    toolset = PrefixedToolset(ThinkToolset(), "my server")
    (tool,) = toolset.tools(ctx)
    assert (tool.name, tool.read_only) == ("my_server_think", True)
    assert "hm" in str(tool.call({"thought": "hm"}, ctx))
    assert toolset.instructions(ctx) == ThinkToolset().instructions(ctx)


def test_names_stay_within_what_models_allow() -> None:
    (tool,) = PrefixedToolset(ThinkToolset(), "x" * 80).tools(RunContext(Settings()))
    assert len(tool.name) == 64
