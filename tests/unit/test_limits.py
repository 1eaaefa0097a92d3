from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import Agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.background_agents import BackgroundAgents
from flask_agent_api.runtime.limits import AgentLimits
from flask_agent_api.runtime.limits import Pot
from flask_agent_api.runtime.shortened import middle_out
from flask_agent_api.runtime.shortened import OLD_RESULT
from flask_agent_api.runtime.shortened import shortened
from flask_agent_api.settings import Settings
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.testing.upstream import chunk_choice
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Done
from flask_agent_api.types import Event
from flask_agent_api.types import Message
from flask_agent_api.types import RunRequest
from flask_agent_api.types import ToolFinished
from flask_agent_api.types import Usage

USER: Message = {"role": "user", "content": "hello"}


def look(at: str = "") -> str:
    return f"seen {at}"


EYES = (FunctionToolset("eyes", [FunctionTool(look)]),)


def agent(model: ScriptedModel, name: str = "root", **fields: Any) -> ModelAgent:
    return ModelAgent(name, model, **{"toolsets": EYES, **fields})


def run(agent: Agent, *messages: Message) -> list[str | Event]:
    ctx = RunContext(Settings())
    return [event for batch in agent.run(RunRequest(messages or [USER]), ctx) for event in batch]  # type: ignore[union-attr]


def text(events: list[str | Event]) -> str:
    return "".join(event for event in events if isinstance(event, str))


def looks(*places: str, usage: Usage | None = None) -> list[Any]:
    """A reply for each place, with a call that looks there."""
    return [[tool_call("look", at=place), *([usage] if usage else [])] for place in places]


# Repeated calls


def test_the_same_call_again_and_again_ends_the_run() -> None:
    model = ScriptedModel(*looks("a", "b", "b", "b", "never"))
    events = run(agent(model, limits=AgentLimits(max_consecutive_tool_calls=3)))
    assert len(model.requests) == 4
    assert sum(isinstance(event, ToolFinished) for event in events) == 4
    assert text(events).endswith("this run reached its limit of 3 identical calls of look in a row.")
    assert events[-1] == Done("length")


def test_other_calls_in_between_are_no_repetition() -> None:
    model = ScriptedModel(*looks("a", "b", "a", "b", "a"), "done")
    assert text(run(agent(model, limits=AgentLimits(max_consecutive_tool_calls=2)))) == "done"


def test_without_the_limit_a_call_may_be_repeated() -> None:
    assert text(run(agent(ScriptedModel(*looks(*"aaaaaaaa"), "done")))) == "done"


def test_looking_how_far_tasks_are_is_no_repetition() -> None:
    team: dict[str, Agent] = {"a": agent(ScriptedModel(), "a")}
    polls = [[tool_call("list_background_agents")]] * 5
    limits = AgentLimits(max_consecutive_tool_calls=2)
    toolsets = (BackgroundAgents("root", team),)
    team["root"] = agent(ScriptedModel(*polls, "done"), toolsets=toolsets, sub_agents=("a",), team=team, limits=limits)
    assert text(run(team["root"])) == "done"


def test_who_takes_over_begins_to_count_anew() -> None:
    limits = AgentLimits(max_consecutive_tool_calls=3)
    team: dict[str, Agent] = {}
    replies = [*looks("a", "a"), [tool_call("handoff", agent="b")]]
    team["root"] = agent(ScriptedModel(*replies), handoffs=("b",), team=team, limits=limits)
    team["b"] = agent(ScriptedModel(*looks("a", "a"), "done"), "b", team=team, limits=limits)
    assert text(run(team["root"])) == "done"


# What is spent


def test_tokens_are_counted_over_model_calls_and_the_last_call_may_exceed_them() -> None:
    model = ScriptedModel(*looks("a", "b", "c", usage=Usage(40, 10)), "never")
    events = run(agent(model, limits=AgentLimits(pots=(Pot("budget", max_tokens=90),))))
    assert len(model.requests) == 2
    assert text(events).endswith("this run reached its limit of 90 tokens (budget.max_tokens).")
    assert events[-1] == Done("length")


def test_tokens_are_estimated_where_the_provider_does_not_say() -> None:
    model = ScriptedModel(*looks("a", "b", "c"), "never")
    asked = {"role": "user", "content": "x" * 400}
    events = run(agent(model, limits=AgentLimits(pots=(Pot("budget", max_tokens=150),))), asked)
    assert len(model.requests) == 2
    assert events[-1] == Done("length")


def test_money_is_counted() -> None:
    model = ScriptedModel(*looks("a", "b", "c", usage=Usage(1, 1, cost=0.02)), "never")
    events = run(agent(model, limits=AgentLimits(pots=(Pot("budgets.small", max_cost=0.03),))))
    assert len(model.requests) == 2
    assert "limit of 0.03 dollars (budgets.small.max_cost)" in text(events)


def test_time_is_counted_from_the_first_model_call() -> None:
    pots = (Pot("budget", max_time=0.02),)
    nap = FunctionTool(lambda: __import__("time").sleep(0.03), name="nap")
    model = ScriptedModel([tool_call("nap")], "never")
    events = run(agent(model, toolsets=(FunctionToolset("t", [nap]),), limits=AgentLimits(pots=pots)))
    assert len(model.requests) == 1
    assert "limit of 0.02 seconds (budget.max_time)" in text(events)


def test_agents_that_name_the_same_pot_share_it_and_others_go_on() -> None:
    shared = AgentLimits(pots=(Pot("budgets.shared", max_tokens=100),))
    task = tool_call("transfer_task", agent="helper", task="t", expected_output="")
    team: dict[str, Agent] = {}
    helper = ScriptedModel(*looks("a", "b", usage=Usage(60, 0)), "never")
    team["helper"] = agent(helper, "helper", limits=shared)
    root = ScriptedModel([task], [task], "done")
    team["root"] = agent(root, sub_agents=("helper",), team=team)
    events = run(team["root"])
    results = [event.result.content for event in events if isinstance(event, ToolFinished) and event.depth == 0]
    assert len(helper.requests) == 2
    assert results == ["I stopped here: this run reached its limit of 100 tokens (budgets.shared.max_tokens)."] * 2
    assert events[-1] == Done()


def test_a_run_has_pots_of_its_own() -> None:
    model = ScriptedModel(["one", Usage(90, 20)], ["two", Usage(90, 20)])
    one = agent(model, limits=AgentLimits(pots=(Pot("budget", max_tokens=100),)))
    assert [text(run(one)), text(run(one))] == ["one", "two"]


# What the model gets to read


def calls(*ids: str) -> Message:
    listed = [{"id": id, "type": "function", "function": {"name": "look", "arguments": "{}"}} for id in ids]
    return {"role": "assistant", "content": None, "tool_calls": listed}


def result(id: str, content: str = "seen") -> Message:
    return {"role": "tool", "tool_call_id": id, "content": content}


def said(text: str) -> Message:
    return {"role": "assistant", "content": text}


CONVERSATION = [
    USER, said("one"), {"role": "system", "content": "s"}, USER, calls("a", "b"), result("a"), result("b"),
    said("two"), USER, calls("c"), result("c"),
]  # fmt: skip


def last(number: int) -> list[Message]:
    return list(shortened(CONVERSATION, AgentLimits(num_history_items=number)))


def test_the_newest_messages_are_left_and_those_of_the_user() -> None:
    assert last(10) == CONVERSATION
    assert last(9) == [message for message in CONVERSATION if message != said("one")]
    assert last(6) == [USER, {"role": "system", "content": "s"}, USER, said("two"), USER, calls("c"), result("c")]


def test_the_results_of_calls_that_went_go_with_them() -> None:
    left = last(8)
    assert calls("a", "b") not in left
    assert not [message for message in left if message.get("tool_call_id") in {"a", "b"}]


def test_the_calls_that_were_made_last_stay_with_their_results() -> None:
    assert last(1) == [USER, {"role": "system", "content": "s"}, USER, USER, calls("c"), result("c")]


def test_in_a_run_the_whole_conversation_is_kept_for_the_next_agent() -> None:
    team: dict[str, Agent] = {}
    root = ScriptedModel(*looks("a", "b"), [tool_call("handoff", agent="b")])
    b = ScriptedModel("done")
    limits = AgentLimits(num_history_items=2)
    team["root"] = agent(root, handoffs=("b",), team=team, limits=limits)
    team["b"] = agent(b, "b")
    run(team["root"], USER, said("before"), USER)
    roles = [message["role"] for message in root.requests[-1].messages if message["role"] != "system"]
    assert roles == ["user", "user", "assistant", "tool"]
    assert [message["role"] for message in b.requests[0].messages].count("tool") == 3
    assert said("before") in b.requests[0].messages


def test_old_results_lose_their_text_the_oldest_first() -> None:
    messages = [USER]
    for id in "abc":
        messages += [calls(id), result(id, id * 40)]
    contents = [
        message["content"]
        for message in shortened([*messages, said("x"), USER], AgentLimits(max_old_tool_call_tokens=20))
        if message["role"] == "tool"
    ]
    assert contents == [OLD_RESULT, "b" * 40, "c" * 40]
    assert messages[2]["content"] == "a" * 40


def test_new_results_are_not_old() -> None:
    messages = [USER, calls("a"), result("a", "a" * 40), calls("b"), result("b", "b" * 40)]
    left = shortened(messages, AgentLimits(max_old_tool_call_tokens=5))
    assert [message["content"] for message in left if message["role"] == "tool"] == [OLD_RESULT, "b" * 40]


def test_a_long_result_loses_its_middle() -> None:
    long = FunctionTool(lambda: "a" * 50 + "b" * 50, name="look")
    model = ScriptedModel([tool_call("look")], "done")
    toolsets = (FunctionToolset("eyes", [long]),)
    events = run(agent(model, toolsets=toolsets, limits=AgentLimits(max_tool_result_tokens=5)))
    assert model.requests[1].messages[-1]["content"] == f"{'a' * 10}\n[cut: 80 characters]\n{'b' * 10}"
    (finished,) = [event for event in events if isinstance(event, ToolFinished)]
    assert len(finished.result.content) == 100


@pytest.mark.parametrize(("size", "tokens"), [(20, 5), (19, 5), (100, 0)])
def test_a_result_that_fits_is_left_as_it_is(size: int, tokens: int) -> None:
    assert middle_out("x" * size, tokens) == "x" * size


# In files


def load(folder: Path, text: str) -> tuple[AgentLimits, tuple[str, ...]]:
    """The limits of the agent ``root``, and the file's warnings."""
    (folder / "team.yaml").write_text(text)
    team = load_docker_agent(folder / "team.yaml", Settings(), {})
    root = team.agents["root"]
    assert isinstance(root, ModelAgent)
    return root.limits, (*team.warnings, *root.warnings)


def test_limits_are_read_from_files(tmp_path: Path) -> None:
    limits, warnings = load(
        tmp_path,
        "budget: {max_tokens: 1000, max_time: 1m30s}\n"
        "budgets: {small: {max_time: 10s}, other: {max_tokens: 5}}\n"
        "agents:\n  root:\n    model: demo/demo\n    max_consecutive_tool_calls: 3\n    num_history_items: 20\n"
        "    max_old_tool_call_tokens: 100\n    max_tool_result_tokens: -1\n    budgets: [small, small]\n",
    )
    run_pot, small = Pot("budget", 1000, 90.0), Pot("budgets.small", 0, 10.0)
    assert limits == AgentLimits(3, 20, 100, 0, (run_pot, small))
    assert not warnings


def test_the_prices_of_a_file_fill_a_pot(tmp_path: Path) -> None:
    with FakeUpstream() as upstream:
        thought = {"index": 0, "id": "c", "type": "function", "function": {"name": "think", "arguments": "{}"}}
        calls = {"choices": [chunk_choice({"tool_calls": [thought]})]}
        upstream.stream(calls, finish="tool_calls", usage={"prompt_tokens": 1000, "completion_tokens": 10})
        (tmp_path / "team.yaml").write_text(
            f"models: {{m: {{provider: p, model: m, cost: {{input: 50, output: 1}}}}}}\n"
            f"providers: {{p: {{base_url: '{upstream.url}'}}}}\nbudget: {{max_cost: 0.05}}\n"
            "agents: {root: {model: m, toolsets: [{type: think}]}}\n"
        )
        team = load_docker_agent(tmp_path / "team.yaml", Settings(), {})
        assert not team.warnings
        events = run(team.agents["root"])
        assert len(upstream.requests) == 1
    assert "limit of 0.05 dollars (budget.max_cost)" in text(events)


@pytest.mark.parametrize("field", ["", "max_consecutive_tool_calls: 0"])
def test_files_without_limits_have_that_of_repeated_calls(tmp_path: Path, field: str) -> None:
    limits, _ = load(tmp_path, f"agents:\n  root:\n    model: demo/demo\n    {field}")
    assert limits == AgentLimits(max_consecutive_tool_calls=5)


def test_a_limit_of_money_without_prices_is_a_warning(tmp_path: Path) -> None:
    _, (warning,) = load(tmp_path, "agents: {root: {model: demo/demo}}\nbudgets: {a: {max_cost: 1}}")
    assert "team.yaml:2: budgets: budgets.a.max_cost has no effect: no model of the file has a `cost`" in warning


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("agents: {root: {model: demo/demo, budgets: [a]}}", "`budgets` at the top of the file defines them"),
        ("agents: {root: {model: demo/demo, budgets: [smal]}}\nbudgets: {small: {}}", 'did you mean "small"?'),
        ("agents: {root: {model: demo/demo, budgets: a}}", "root.budgets: expected a list of texts"),
        ("agents: {root: {model: demo/demo}}\nbudget: {max_token: 1}", "budget.max_token: unknown field, did you mean"),
        ("agents: {root: {model: demo/demo}}\nbudget: {max_time: 1.5}", "budget.max_time: expected a length of time"),
        ("agents: {root: {model: demo/demo}}\nbudget: {max_cost: -1}", "budget.max_cost: expected a number, 0 or more"),
        ("agents: {root: {model: demo/demo}}\nbudgets: {a: 5}", "team.yaml:2: budgets.a: expected a mapping, found 5"),
        ("agents: {root: {model: demo/demo, num_history_items: x}}", "num_history_items: expected a whole number"),
    ],
)
def test_a_wrong_limit_is_an_error_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert message in caught.value.message
