from __future__ import annotations

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ModelNotFound
from flask_agent_api.runtime.callable_agent import CallableAgent
from flask_agent_api.runtime.registry import AgentRegistry


def answer(messages: list[dict[str, str]]) -> str:
    """Answers.

    With more to say.
    """
    return "answer"


@pytest.fixture
def registry() -> AgentRegistry:
    registry = AgentRegistry()
    registry.add(CallableAgent(answer, "first"))
    registry.add(CallableAgent(answer, "second"))
    return registry


def test_pick_finds_by_name(registry: AgentRegistry) -> None:
    name, agent = registry.pick("second")
    assert (name, agent.name) == ("second", "second")


@pytest.mark.parametrize("model", ["gpt-4", "", "FIRST"])
def test_pick_of_an_unknown_name_gives_the_first_one_added(registry: AgentRegistry, model: str) -> None:
    assert registry.pick(model)[0] == "first"


def test_pick_without_fallback_says_not_found(registry: AgentRegistry) -> None:
    with pytest.raises(ModelNotFound, match="'gpt-4' does not exist") as caught:
        registry.pick("gpt-4", fallback=False)
    assert (caught.value.status, caught.value.code, caught.value.param) == (404, "model_not_found", "model")


def test_pick_of_an_empty_registry_says_not_found() -> None:
    with pytest.raises(ModelNotFound):
        AgentRegistry().pick("gpt-4")


def test_an_agent_is_offered_by_the_given_name_or_its_own(registry: AgentRegistry) -> None:
    registry.add(CallableAgent(answer, "own"), "given")
    assert "given" in registry
    assert "own" not in registry
    assert [name for name, _ in registry.items()] == ["first", "second", "given"]
    assert len(registry) == 3


@pytest.mark.parametrize("name", ["first", "line\nbreak", "\x00"])
def test_names_that_are_taken_or_unfit_are_errors(registry: AgentRegistry, name: str) -> None:
    with pytest.raises(ConfigError):
        registry.add(CallableAgent(answer, name))
    assert len(registry) == 2


def test_decorator_keeps_the_function_and_reads_its_docstring(registry: AgentRegistry) -> None:
    assert registry.agent("decorated")(answer) is answer
    assert registry.pick("decorated")[1].description == "Answers."
    registry.agent("described", description="Says more.")(answer)
    assert registry.pick("described")[1].description == "Says more."


def test_update_adds_all_and_refuses_a_name_twice(registry: AgentRegistry) -> None:
    other = AgentRegistry()
    other.add(CallableAgent(answer, "third"))
    other.update(registry)
    assert [name for name, _ in other.items()] == ["third", "first", "second"]
    with pytest.raises(ConfigError, match="Two agents are called 'first'"):
        other.update(registry)


def test_frozen_registry_takes_nothing_more(registry: AgentRegistry) -> None:
    registry.freeze()
    with pytest.raises(ConfigError, match="'late' comes too late"):
        registry.agent("late")(answer)
    assert registry.pick("first")[0] == "first"
