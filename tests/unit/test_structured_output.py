"""Agents whose answers have a format of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import InvalidAnswer
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.structured_output import StructuredOutput
from flask_agent_api.settings import Settings
from flask_agent_api.structured.json_schema import read_schema
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Done
from flask_agent_api.types import Error
from flask_agent_api.types import Event
from flask_agent_api.types import RunRequest

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
WANTED = {"type": "json_schema", "json_schema": {"name": "number", "description": "A number.", "schema": SCHEMA}}
OUTPUT = StructuredOutput(WANTED, read_schema(SCHEMA))
BY_TOOL = StructuredOutput(WANTED, read_schema(SCHEMA), by_tool=True)


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


MATH = FunctionToolset("math", [FunctionTool(add)])


def agent(*replies: Any, output: StructuredOutput = OUTPUT, **fields: Any) -> tuple[ModelAgent, ScriptedModel]:
    model = ScriptedModel(*replies)
    return ModelAgent("root", model, toolsets=(MATH,), structured_output=output, **fields), model


def run(agent: ModelAgent, **params: Any) -> list[str | Event]:
    ctx = RunContext(Settings(), deadline=1e9)
    ctx.take_text = lambda batch: pytest.fail("text was shown before it was checked")
    request = RunRequest([{"role": "user", "content": "hi"}], params)
    return [event for batch in agent.run(request, ctx) for event in batch]


def test_the_model_is_asked_for_the_format_and_its_answer_is_checked() -> None:
    asked, model = agent(["Let me see. ", tool_call("add", a=1, b=2)], ['{"n":', "3}"])
    events = run(asked)
    assert [event for event in events if isinstance(event, str)] == ['{"n":3}']
    assert events[-1] == Done()
    assert [request.params for request in model.requests] == [{"response_format": WANTED}] * 2


def test_an_answer_that_does_not_fit_is_an_error() -> None:
    asked, _ = agent('{"n": "three"}')
    (error,) = run(asked)
    assert isinstance(error, Error)
    assert isinstance(error.error, InvalidAnswer)
    assert "$.n" in error.error.message


def test_a_request_may_want_another_format() -> None:
    model, wanted = ScriptedModel("{}"), {"type": "json_object"}
    asked = ModelAgent("root", model, structured_output=BY_TOOL)
    ctx = RunContext(Settings(), deadline=1e9)
    request = RunRequest([{"role": "user", "content": "hi"}], {"response_format": wanted})
    assert [event for batch in asked.run(request, ctx) for event in batch] == ["{}", Done()]
    assert (model.requests[0].params, model.requests[0].tools) == ({"response_format": wanted}, [])


def test_the_answer_may_be_the_arguments_of_a_tool() -> None:
    asked, model = agent(
        [tool_call("add", a=1, b=2)],
        [tool_call("final_answer", n="three")],
        ["Here it is: ", tool_call("final_answer", n=3)],
        output=BY_TOOL,
    )
    events = run(asked)
    assert [event for event in events if isinstance(event, str)] == ['{"n": 3}']
    assert events[-1] == Done()
    assert [tool["function"]["name"] for tool in model.requests[0].tools] == ["add", "final_answer"]
    assert model.requests[0].tools[1]["function"] == {
        "name": "final_answer", "description": "Give your final answer. A number.", "parameters": SCHEMA,
    }  # fmt: skip
    assert {json.dumps(request.params) for request in model.requests} == {'{"tool_choice": "required"}'}
    assert "this is no valid answer: it breaks 'type' at $.n" in model.requests[2].messages[-1]["content"]


def test_text_will_do_if_it_is_the_answer() -> None:
    assert run(agent('```json\n{"n": 3}\n```', output=BY_TOOL)[0]) == ['{"n": 3}', Done()]


def test_a_member_of_the_team_answers_in_its_own_format() -> None:
    child, child_model = agent('{"n": 3}')
    task = {"agent": "child", "task": "count", "expected_output": "a number"}
    model = ScriptedModel([tool_call("transfer_task", **task)], [tool_call("transfer_task", **task)], "done")
    lead = ModelAgent("lead", model, sub_agents=("child",), team={"child": child})
    wrong, _ = agent("three")
    assert isinstance(lead.team, dict)
    ctx = RunContext(Settings(), deadline=1e9)
    for batch in lead.run(RunRequest([{"role": "user", "content": "hi"}]), ctx):
        if child_model.requests:
            lead.team["child"] = wrong
        assert batch
    first, second = (request.messages[-1]["content"] for request in model.requests[1:])
    assert first == '{"n": 3}'
    assert "failed: The agent's answer is not JSON" in second
    assert "response_format" not in model.requests[0].params


def test_who_takes_the_conversation_over_is_asked_for_the_format() -> None:
    for output in (OUTPUT, BY_TOOL):
        newcomer_model = ScriptedModel('{"n": 4}')
        newcomer = ModelAgent("other", newcomer_model)
        asked, _ = agent(
            [tool_call("handoff", agent="other")], output=output, handoffs=("other",), team={"other": newcomer}
        )
        assert [event for event in run(asked) if isinstance(event, str)] == ['{"n": 4}']
        assert newcomer_model.requests[0].params == {"response_format": WANTED}


def fixed_order(first: Any, **fields: Any) -> tuple[ModelAgent, ScriptedModel, ScriptedModel]:
    """An agent that always hands over to another, whose answers have the format; the models of both."""
    models = ScriptedModel(first), ScriptedModel('{"n":3}')
    team: dict[str, Any] = {"last": ModelAgent("last", models[1], structured_output=OUTPUT)}
    return ModelAgent("root", models[0], force_handoff="last", team=team, **fields), *models


def test_in_a_fixed_order_the_format_is_that_of_the_last_agent() -> None:
    root, first, last = fixed_order("some facts")
    events = run(root)
    assert [event for event in events if isinstance(event, str)] == ['{"n":3}']
    assert events[-1] == Done()
    assert [first.requests[0].params, last.requests[0].params] == [{}, {"response_format": WANTED}]
    assert {"role": "assistant", "content": "some facts"} in last.requests[0].messages


def test_in_a_fixed_order_the_format_of_the_request_is_for_the_last_agent() -> None:
    root, first, last = fixed_order("some facts")
    wanted = {"type": "json_object"}
    list(root.run(RunRequest([{"role": "user", "content": "hi"}], {"response_format": wanted}), RunContext(Settings())))
    assert [first.requests[0].params, last.requests[0].params] == [{}, {"response_format": wanted}]


def test_an_answer_by_a_tool_is_handed_over_in_a_fixed_order() -> None:
    root, first, last = fixed_order([tool_call("final_answer", n=1)], structured_output=BY_TOOL)
    assert [event for event in run(root) if isinstance(event, str)] == ['{"n":3}']
    assert first.requests[0].params == {"tool_choice": "required"}
    assert {"role": "assistant", "content": '{"n": 1}'} in last.requests[0].messages


def test_who_takes_over_answers_in_the_format_of_the_agent_that_was_asked() -> None:
    b = ScriptedModel('{"n":3}')
    team: dict[str, Any] = {"b": ModelAgent("b", b)}
    root, _ = agent(["Over to b. ", tool_call("handoff", agent="b")], handoffs=("b",), team=team)
    assert [event for event in run(root) if isinstance(event, str)] == ['{"n":3}']
    assert b.requests[0].params == {"response_format": WANTED}
