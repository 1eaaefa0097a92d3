from __future__ import annotations

from typing import Any

import pytest

from flask_agent_api.formats.docker_agent.policy import risks
from flask_agent_api.formats.docker_agent.toolset_fields import LATER
from flask_agent_api.formats.docker_agent.toolset_fields import SUPPORTED
from flask_agent_api.runtime.agent import Agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.tools.deferred import Deferred
from flask_agent_api.tools.deferred import DeferredToolset
from flask_agent_api.tools.described import DescribedToolset
from flask_agent_api.tools.traits import TRAITS
from flask_agent_api.tools.traits import traits_of
from flask_agent_api.tools.unavailable import UnavailableToolset


def agent(name: str, *kinds: str, sub_agents: tuple[str, ...] = ()) -> ModelAgent:
    toolsets = tuple(UnavailableToolset(kind, kind, "") for kind in kinds)
    return ModelAgent(name, ScriptedModel(), toolsets=toolsets, sub_agents=sub_agents)


def warned(*agents: Agent) -> list[str]:
    return [warning.partition(":")[0] for warning in risks({agent.name: agent for agent in agents})]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["filesystem", "fetch"], ["agents.root"]),
        (["filesystem", "mcp"], ["agents.root"]),
        (["shell"], ["agents.root"]),
        (["filesystem"], []),
        (["fetch", "mcp", "api"], []),
        (["think", "todo", "python", "unheard_of"], []),
    ],
)
def test_an_agent_is_warned_of_only_when_all_three_come_together(kinds: list[str], expected: list[str]) -> None:
    assert warned(agent("root", *kinds)) == expected


def test_tools_that_are_looked_for_count_as_well() -> None:
    plain = agent("root", "filesystem", "fetch")
    deferred = DescribedToolset(DeferredToolset("d", [Deferred(toolset) for toolset in plain.toolsets]))
    assert warned(ModelAgent("root", plain.model, toolsets=(deferred,))) == ["agents.root"]


def test_what_sub_agents_can_do_counts_for_those_who_lead_them() -> None:
    root = agent("root", "filesystem", sub_agents=("middle",))
    assert warned(root, agent("middle", sub_agents=("web",)), agent("web", "fetch")) == ["agents.root"]


def test_ten_thousand_agents_that_lead_each_other_in_a_circle_take_no_time() -> None:
    names = [f"a{number}" for number in range(10_000)]
    circle: list[Any] = [agent(name, sub_agents=(names[at - 1],)) for at, name in enumerate(names)]
    circle[0] = agent(names[0], "shell", sub_agents=(names[-1],))
    assert len(warned(*circle)) == 10_000


def test_the_table_is_about_kinds_that_there_are() -> None:
    assert TRAITS.keys() - SUPPORTED.keys() - LATER.keys() == set()
    assert traits_of(["fetch", "filesystem"]) == traits_of(["shell"])
