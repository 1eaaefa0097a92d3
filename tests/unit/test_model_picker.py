"""The toolsets ``model_picker`` and ``user_prompt``, in runs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.models.base import Model
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.model_picker import ModelPickerToolset
from flask_agent_api.tools.routed import RoutedToolset
from flask_agent_api.tools.todo import TodoToolset
from flask_agent_api.tools.user_prompt import UserPromptToolset
from flask_agent_api.types import RunRequest


def run(agent: ModelAgent) -> str:
    ctx = RunContext(Settings(), deadline=1e9)
    batches = agent.run(RunRequest([{"role": "user", "content": "go"}]), ctx)
    return "".join(part for batch in batches for part in batch if isinstance(part, str))


def results(model: ScriptedModel) -> list[str]:
    """What tools gave, up to the model's last call."""
    return [message["content"] for message in model.requests[-1].messages if message["role"] == "tool"]


def picker(own: Model, *toolsets: Any, **models: Model) -> ModelAgent:
    return ModelAgent("root", own, toolsets=(ModelPickerToolset(models), *toolsets))


def test_a_model_stays_from_the_next_call_on_until_it_is_reverted() -> None:
    own = ScriptedModel([tool_call("change_model", model="able")], "it is done")
    able = ScriptedModel([tool_call("list_todos")], [tool_call("list_todos")], [tool_call("revert_model")])
    assert run(picker(own, TodoToolset(), able=able, other=ScriptedModel())) == "it is done"
    assert (len(own.requests), len(able.requests)) == (2, 3)
    assert results(own)[0] == "Model changed to able"
    assert results(own)[-1] == "Model reverted to the agent's default model"
    assert able.requests[0].tools == own.requests[0].tools


def test_each_run_begins_with_the_agents_own_model() -> None:
    own = ScriptedModel([tool_call("change_model", model="able")], "own again")
    agent = picker(own, able=ScriptedModel("able did it"))
    assert (run(agent), run(agent)) == ("able did it", "own again")


def test_results_with_a_model_of_their_own_are_read_by_it_in_between() -> None:
    own, reader = ScriptedModel([tool_call("change_model", model="able")]), ScriptedModel([tool_call("revert_model")])
    able = ScriptedModel([tool_call("list_todos")])
    agent = picker(own, RoutedToolset(TodoToolset(), reader), able=able)
    own_again = ScriptedModel("done")
    agent = dataclasses.replace(agent, model=_Both(own, own_again))
    assert run(agent) == "done"
    assert [len(model.requests) for model in (own, able, reader, own_again)] == [1, 1, 1, 1]


class _Both:
    """The first call is for one model, all others for another."""

    name = "both"

    def __init__(self, first: ScriptedModel, second: ScriptedModel) -> None:
        self.models = [first, second]

    def stream(self, request: Any) -> Any:
        return (self.models.pop(0) if len(self.models) > 1 else self.models[0]).stream(request)


def test_another_agent_that_takes_over_has_its_own_model() -> None:
    calls = [tool_call("change_model", model="able"), tool_call("handoff", agent="other")]
    team: dict[str, Any] = {}
    root = dataclasses.replace(picker(ScriptedModel(calls), able=ScriptedModel("able")), handoffs=("other",), team=team)
    team |= {"root": root, "other": ModelAgent("other", ScriptedModel("its own words"), team=team)}
    assert run(root).endswith("its own words")


def test_a_model_that_is_not_listed_is_refused() -> None:
    own = ScriptedModel([tool_call("change_model", model="best")], [tool_call("change_model")], "done")
    run(picker(own, able=ScriptedModel(), fast=ScriptedModel()))
    assert results(own) == [
        "Error: there is no model 'best' to change to, only able, fast",
        "Error: `model` must be a text",
    ]


def load(folder: Path, toolset: dict[str, Any], environ: dict[str, str]) -> ModelAgent:
    models = {"able": {"provider": "openai", "model": "gpt-5"}}
    agents = {"root": {"model": "demo/demo", "toolsets": [toolset]}}
    (folder / "team.yaml").write_text(json.dumps({"agents": agents, "models": models}))
    agent = load_docker_agent(folder / "team.yaml", Settings(), environ).agents["root"]
    assert isinstance(agent, ModelAgent)
    return agent


def test_a_team_lists_the_models(tmp_path: Path) -> None:
    toolset = {"type": "model_picker", "models": ["able", "demo/demo", "mistral/small"]}
    agent = load(tmp_path, toolset, {"OPENAI_API_KEY": "sk-1"})
    (found,) = agent.toolsets
    assert isinstance(found, ModelPickerToolset)
    assert {name: model.name for name, model in found.models.items()} == {
        "able": "openai/gpt-5",
        "demo/demo": "demo",
    }
    assert "able, demo/demo" in found.instructions(RunContext(Settings()))
    (warning,) = agent.warnings
    assert '"mistral/small" lacks its key' in warning


def test_without_any_model_that_can_be_called_there_are_no_tools(tmp_path: Path) -> None:
    agent = load(tmp_path, {"type": "model_picker", "models": ["able"]}, {})
    assert agent.toolsets == ()
    assert '"able" lacks its key' in agent.warnings[0]


@pytest.mark.parametrize(
    ("models", "message"),
    [(None, "a model_picker needs `models`"), (["abel"], 'there is no model "abel", did you mean "able"?')],
)
def test_wrong_lists_are_errors(tmp_path: Path, models: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {"type": "model_picker", "models": models}, {"OPENAI_API_KEY": "sk-1"})
    assert message in caught.value.message


def test_a_question_in_a_run_is_declined_and_moved_to_the_answer() -> None:
    call = tool_call("user_prompt", message="Which one?", title="Choose", schema={"type": "string"})
    own = ScriptedModel([call], [tool_call("user_prompt")], "Which one do you want?")
    assert run(ModelAgent("root", own, toolsets=(UserPromptToolset(),))) == "Which one do you want?"
    declined, wrong = results(own)
    assert json.loads(declined)["action"] == "decline"
    assert "final answer" in json.loads(declined)["reason"]
    assert wrong == "Error: `message` must be a text"
    assert "final answer" in own.requests[0].messages[0]["content"]


def test_a_team_may_have_it(tmp_path: Path) -> None:
    agent = load(tmp_path, {"type": "user_prompt"}, {})
    assert [toolset.kind for toolset in agent.toolsets] == ["user_prompt"]
    assert agent.warnings == ()
