from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ModelUnavailable
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.runtime import delegation
from flask_agent_api.runtime.agent import Agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.callable_agent import CallableAgent
from flask_agent_api.runtime.cancel_reason import REQUESTED
from flask_agent_api.runtime.run import Run
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import AgentSwitched
from flask_agent_api.types import Done
from flask_agent_api.types import Error
from flask_agent_api.types import Event
from flask_agent_api.types import ReasoningDelta
from flask_agent_api.types import RunRequest
from flask_agent_api.types import TextDelta
from flask_agent_api.types import ToolFinished
from flask_agent_api.types import ToolStarted
from flask_agent_api.types import Usage
from tests.waiting import wait_until

REQUEST = RunRequest([{"role": "user", "content": "SECRET of the parent"}], {"temperature": 1})


def transfer(agent: str, task: str = "the task", expected: str = "a word") -> ToolCallDelta:
    return tool_call("transfer_task", agent=agent, task=task, expected_output=expected)


def lead(model: ScriptedModel, *members: Agent, name: str = "root", **fields: Any) -> ModelAgent:
    team = {member.name: member for member in members}
    return ModelAgent(name, model, sub_agents=tuple(team), team=team, **fields)


def run(agent: Agent, ctx: RunContext | None = None, **settings: Any) -> list[str | Event]:
    run = Run(agent, REQUEST, ctx or RunContext(Settings(**settings))).start()
    batches = list(run.batches())
    assert all(batches), "an empty batch reached the reader"
    return [event for batch in batches for event in batch]


def result_of(events: list[str | Event]) -> tuple[str, bool]:
    """The result of the root's one tool call."""
    (result,) = [event.result for event in events if isinstance(event, ToolFinished) and event.depth == 0]
    return result.content, result.is_error


def test_the_childs_answer_is_the_result() -> None:
    child = ScriptedModel([ReasoningDelta("hm"), "a ", "word", Usage(5, 2)])
    root = ScriptedModel([transfer("helper"), Usage(1, 1)], ["The word.", Usage(2, 2)])
    events = run(lead(root, ModelAgent("helper", child, instruction="Help.")))
    started, finished = (event for event in events if isinstance(event, ToolStarted | ToolFinished))
    assert events == [
        Usage(1, 1),
        started,
        AgentSwitched("root", "helper", "transfer", 0),
        ReasoningDelta("hm", "helper", 1),
        TextDelta("a ", "helper", 1),
        TextDelta("word", "helper", 1),
        Usage(5, 2),
        AgentSwitched("helper", "root", "transfer_end", 0),
        finished,
        "The word.",
        Usage(2, 2),
        Done(),
    ]
    assert result_of(events) == ("a word", False)
    assert root.requests[1].messages[-1]["content"] == "a word"


def test_the_child_sees_the_task_alone() -> None:
    child = ScriptedModel("word")
    run(lead(ScriptedModel([transfer("helper")], "done"), ModelAgent("helper", child, instruction="Help.")))
    (request,) = child.requests
    system, user = request.messages
    assert system["content"].startswith("Help.\n\n")
    assert "<task>\nthe task\n</task>\n\n<expected_output>\na word\n</expected_output>" in system["content"]
    assert user == {"role": "user", "content": "Please proceed."}
    assert request.params == {}


def test_a_task_need_not_say_what_the_answer_should_look_like() -> None:
    child = ScriptedModel("word")
    root = ScriptedModel([tool_call("transfer_task", agent="helper", task="t")], "done")
    run(lead(root, ModelAgent("helper", child)))
    assert child.requests[0].messages[0]["content"].endswith("<task>\nt\n</task>")


def test_a_python_agent_has_the_task_as_its_question() -> None:
    asked: list[Any] = []

    def helper(messages: list[Any]) -> str:
        asked.extend(messages)
        return "word"

    run(lead(ScriptedModel([transfer("helper")], "done"), CallableAgent(helper)))
    assert asked == [{"role": "user", "content": "the task\n\nExpected output: a word"}]


def test_of_all_that_the_child_says_the_last_answer_is_the_result() -> None:
    child = ScriptedModel(["Let me look. ", tool_call("look")], ["Once more. ", tool_call("look")], "It is ", name="c")
    helper = ModelAgent("helper", child, toolsets=(FunctionToolset("eyes", [FunctionTool(lambda: "", name="look")]),))
    events = run(lead(ScriptedModel([transfer("helper")], "done"), helper))
    assert result_of(events) == ("It is", False)
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert texts == ["Let me look. ", "Once more. ", "It is "]


@pytest.mark.parametrize("silence", ["", " \n"])
def test_an_empty_answer_is_said_to_be_one(silence: str) -> None:
    events = run(lead(ScriptedModel([transfer("helper")], "done"), ModelAgent("helper", ScriptedModel(silence))))
    assert result_of(events) == ("(The agent 'helper' gave an empty answer.)", False)


def test_the_child_has_its_own_number_of_model_calls() -> None:
    child = ScriptedModel(*[[tool_call("look")]] * 5)
    eyes = (FunctionToolset("eyes", [FunctionTool(lambda: "", name="look")]),)
    root = ScriptedModel([transfer("helper")], [transfer("helper")], "done")
    events = run(lead(root, ModelAgent("helper", child, toolsets=eyes, max_iterations=2), max_iterations=3))
    assert (len(root.requests), len(child.requests)) == (3, 4)
    results = [event.result.content for event in events if isinstance(event, ToolFinished) and event.depth == 0]
    assert results == ["I stopped here: this run reached its limit of 2 model calls."] * 2
    assert events[-2:] == ["done", Done()]


def test_tasks_of_one_reply_are_done_in_order_and_their_usage_counts_once() -> None:
    first, second = (ModelAgent(name, ScriptedModel([name, Usage(10, 1)])) for name in ("first", "second"))
    root = ScriptedModel([transfer("second"), transfer("first"), Usage(1, 1)], ["done", Usage(1, 1)])
    events = run(lead(root, first, second))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["second", "first"]
    assert [event.source for event in events if isinstance(event, AgentSwitched)] == ["root", "second", "root", "first"]
    assert sum((event for event in events if isinstance(event, Usage)), Usage()) == Usage(22, 4)
    assert [message["content"] for message in root.requests[1].messages[-2:]] == ["second", "first"]


def test_a_long_message_of_a_failure_is_cut() -> None:
    child = ModelAgent("helper", ScriptedModel(ModelUnavailable("x" * 10_000)))
    content, is_error = result_of(run(lead(ScriptedModel([transfer("helper")], "done"), child)))
    assert is_error
    assert len(content) < 600


def test_the_roster_and_the_tool_name_the_team() -> None:
    root = ScriptedModel("done")
    run(lead(root, ModelAgent("helper", ScriptedModel(), description="Helps.")))
    (request,) = root.requests
    (tool,) = request.tools
    assert tool["function"]["parameters"]["properties"]["agent"]["enum"] == ["helper"]
    assert "- helper: Helps." in request.messages[0]["content"]


def test_a_grandchilds_events_come_two_levels_deep() -> None:
    def look() -> str:
        return "seen"

    tools = (FunctionToolset("eyes", [FunctionTool(look)]),)
    third = ModelAgent("third", ScriptedModel([tool_call("look")], "deep"), toolsets=tools)
    second = lead(ScriptedModel([transfer("third")], "middle"), third, name="second")
    events = run(lead(ScriptedModel([transfer("second")], "top"), second))
    assert [event for event in events if isinstance(event, AgentSwitched)] == [
        AgentSwitched("root", "second", "transfer", 0),
        AgentSwitched("second", "third", "transfer", 1),
        AgentSwitched("third", "second", "transfer_end", 1),
        AgentSwitched("second", "root", "transfer_end", 0),
    ]
    texts = [event for event in events if isinstance(event, TextDelta)]
    assert texts == [TextDelta("deep", "third", 2), TextDelta("middle", "second", 1)]
    started = [(event.call.name, event.agent, event.depth) for event in events if isinstance(event, ToolStarted)]
    assert started == [("transfer_task", "root", 0), ("transfer_task", "second", 1), ("look", "third", 2)]
    assert [event for event in events if isinstance(event, str | Done)] == ["top", Done()]
    assert result_of(events) == ("middle", False)


def test_a_python_agent_may_be_a_child() -> None:
    def helper(messages: list[Any]) -> Iterator[Any]:
        yield "one "
        yield [TextDelta("two"), TextDelta("not the answer", "other", 2), Done("length")]

    events = run(lead(ScriptedModel([transfer("helper")], "done"), CallableAgent(helper)))
    assert result_of(events) == ("one two", False)
    assert TextDelta("two", "helper", 1) in events


def raises(messages: list[Any]) -> str:
    raise ModelUnavailable("no key is set")


def yields_error(messages: list[Any]) -> Iterator[Any]:
    yield "half"
    yield Error(ModelUnavailable("no key is set"))


@pytest.mark.parametrize("helper", [raises, yields_error])
def test_the_childs_error_is_a_tool_error_and_the_parent_answers(helper: Any, caplog: pytest.LogCaptureFixture) -> None:
    events = run(lead(ScriptedModel([transfer("helper")], "I did it."), CallableAgent(helper, "helper")))
    assert result_of(events) == ("Error: the agent 'helper' failed: no key is set", True)
    assert events[-2:] == ["I did it.", Done()]
    assert not [record for record in caplog.records if record.exc_info]


def test_a_childs_own_fault_is_told_by_its_class(caplog: pytest.LogCaptureFixture) -> None:
    def helper(messages: list[Any]) -> str:
        raise LookupError("SECRET")

    events = run(lead(ScriptedModel([transfer("helper")], "done"), CallableAgent(helper)))
    assert result_of(events) == ("Error: the tool transfer_task failed (LookupError).", True)


def test_an_agent_outside_the_team_is_a_tool_error() -> None:
    events = run(lead(ScriptedModel([transfer("stranger")], "done"), ModelAgent("helper", ScriptedModel())))
    assert result_of(events) == ("Error: there is no agent 'stranger' in your team, only helper", True)
    assert not [event for event in events if isinstance(event, AgentSwitched)]


def test_a_cycle_is_a_tool_error_and_ends() -> None:
    team: dict[str, Agent] = {}
    ping_model = ScriptedModel([transfer("pong")], "ping done")
    pong_model = ScriptedModel([transfer("ping")], "pong done")
    team["ping"] = ModelAgent("ping", ping_model, sub_agents=("pong",), team=team)
    team["pong"] = ModelAgent("pong", pong_model, sub_agents=("ping", "pong"), team=team)
    events = run(team["ping"])
    assert result_of(events) == ("pong done", False)
    assert "the agent 'ping' is already at work" in pong_model.requests[1].messages[-1]["content"]


def test_delegation_to_oneself_is_a_tool_error() -> None:
    team: dict[str, Agent] = {}
    model = ScriptedModel([transfer("self")], "done")
    team["self"] = ModelAgent("self", model, sub_agents=("self",), team=team)
    assert "already at work" in result_of(run(team["self"]))[0]


def test_delegation_that_goes_too_deep_is_a_tool_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delegation, "MAX_DEPTH", 1)
    middle_model = ScriptedModel([transfer("last")], "middle")
    middle = lead(middle_model, ModelAgent("last", ScriptedModel()), name="middle")
    run(lead(ScriptedModel([transfer("middle")], "done"), middle))
    assert "delegated too deep" in middle_model.requests[1].messages[-1]["content"]


def test_caps_are_shared_with_the_child() -> None:
    def look() -> str:
        return "seen"

    child = ScriptedModel(*[[tool_call("look")]] * 10)
    helper = ModelAgent("helper", child, toolsets=(FunctionToolset("eyes", [FunctionTool(look)]),))
    root = ScriptedModel([transfer("helper")], "never asked")
    events = run(lead(root, helper), max_model_calls=4)
    assert (len(root.requests), len(child.requests)) == (1, 3)
    assert events[-1] == Done("length")
    assert "limit of 4 model calls" in result_of(events)[0]


def test_tool_calls_of_the_child_count_too() -> None:
    def look() -> str:
        return "seen"

    child = ScriptedModel([tool_call("look")], [tool_call("look")], "never asked")
    helper = ModelAgent("helper", child, toolsets=(FunctionToolset("eyes", [FunctionTool(look)]),))
    events = run(lead(ScriptedModel([transfer("helper")], "done"), helper), max_tool_calls=2)
    assert len(child.requests) == 2
    assert "limit of 2 tool calls" in result_of(events)[0]
    assert events[-1] == Done()


def test_the_child_shares_the_state_and_knows_the_way_to_it() -> None:
    seen: list[Any] = []

    def helper(request: RunRequest, ctx: RunContext) -> str:
        seen.extend([ctx.depth, ctx.chain, ctx.state, ctx.run_id])
        return "done"

    ctx = RunContext(Settings(), "r1", state={"own": 1})
    run(lead(ScriptedModel([transfer("helper")], "done"), CallableAgent(helper)), ctx)
    assert seen == [1, ("root",), {"own": 1}, "r1"]
    assert seen[2] is ctx.state


def test_cancelling_the_parent_ends_the_child_and_its_tools() -> None:
    log: list[str] = []
    begun = threading.Event()

    def hang() -> None:
        begun.set()
        try:
            threading.Event().wait(30)
        finally:
            log.append("tool")

    tools = (FunctionToolset("slow", [FunctionTool(hang)]),)
    helper = ModelAgent("helper", ScriptedModel([tool_call("hang")]), toolsets=tools)
    run = Run(lead(ScriptedModel([transfer("helper")]), helper), REQUEST, RunContext(Settings())).start()
    wait_until(lambda: run.next(0.01) is None and begun.is_set())
    run.cancel(REQUESTED)
    assert run.join(5)
    assert log == ["tool"]


def test_closing_a_childs_generator_happens_before_the_result() -> None:
    log: list[str] = []

    def helper(messages: list[Any]) -> Iterator[Any]:
        try:
            yield "word"
            yield Done()
            log.append("asked for more")
        finally:
            log.append("closed")

    run(lead(ScriptedModel([transfer("helper")], "done"), CallableAgent(helper)))
    assert log == ["closed"]
