"""Tools that end a run, and tiny-agents' own loop around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ModelTimeout
from flask_agent_api.formats.tiny_agents.loader import EXIT_TOOLS
from flask_agent_api.models.base import Finish
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import ClientToolCalls
from flask_agent_api.types import Done
from flask_agent_api.types import Event
from flask_agent_api.types import Message
from flask_agent_api.types import ReasoningDelta
from flask_agent_api.types import RunRequest
from flask_agent_api.types import ToolFinished
from flask_agent_api.types import ToolStarted

USER = {"role": "user", "content": "hello"}
EXIT = tool_call("task_complete", trigger=True)
ADD = tool_call("add", a=1, b=2)


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def ask_question(question: str) -> str:
    """A real tool with the name of an exit."""
    return f"asked {question}"


class Turns:
    """Keeps what is saved."""

    def __init__(self) -> None:
        self.saved: list[Message] = []

    def save(self, call_ids: Sequence[str], messages: Sequence[Message]) -> None:
        self.saved += messages

    def find(self, call_ids: Sequence[str]) -> None:
        return None


def client_tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def run(
    model: ScriptedModel,
    *functions: Any,
    request: dict[str, Any] | None = None,
    turns: Turns | None = None,
    **settings: Any,
) -> list[str | Event]:
    toolset = FunctionToolset("math", [FunctionTool(function) for function in functions or (add,)])
    agent = ModelAgent("tiny", model, toolsets=(toolset,), exit_tools=EXIT_TOOLS)
    ctx = RunContext(Settings(**settings), deadline=1e9, **({"turns": turns} if turns else {}))
    return [event for batch in agent.run(RunRequest([USER], **(request or {})), ctx) for event in batch]


def offered(request: ModelRequest) -> list[str]:
    return [spec["function"]["name"] for spec in request.tools]


def test_exit_tools_are_offered_first_and_take_no_arguments_that_matter() -> None:
    model = ScriptedModel("hi")
    run(model)
    assert offered(model.requests[0]) == ["task_complete", "ask_question", "add"]
    assert "required" not in model.requests[0].tools[0]["function"]["parameters"]


@pytest.mark.parametrize("exit", [EXIT, tool_call("ask_question"), tool_call("task_complete", anything=[1])])
def test_calling_one_ends_the_run_and_shows_nothing_but_the_text_before(exit: Any) -> None:
    assert run(ScriptedModel(["It is ", "done.", exit])) == ["It is ", "done.", Done("stop")]


def test_calls_before_the_exit_are_made_and_those_after_it_are_not() -> None:
    events = run(ScriptedModel(["so", ADD, EXIT, ADD]))
    assert [type(event) for event in events] == [str, ToolStarted, ToolFinished, Done]


def test_an_exit_first_leaves_everything_else() -> None:
    request = {"tools": [client_tool("weather")]}
    assert run(ScriptedModel([EXIT, ADD, tool_call("weather")]), request=request) == [Done("stop")]


def test_a_turn_that_waits_for_the_client_is_kept_without_the_exit() -> None:
    turns = Turns()
    events = run(
        ScriptedModel(["so", tool_call("weather"), ADD, EXIT]), request={"tools": [client_tool("weather")]}, turns=turns
    )
    assert isinstance(events[-2], ClientToolCalls)
    assert events[-1] == Done("tool_calls")
    *_, assistant, result = turns.saved
    assert [call["function"]["name"] for call in assistant["tool_calls"]] == ["weather", "add"]
    assert result["content"] == "3"


def test_a_real_tool_keeps_its_name() -> None:
    model = ScriptedModel([tool_call("ask_question", question="why")], "because")
    events = run(model, ask_question)
    assert offered(model.requests[0]) == ["task_complete", "ask_question"]
    assert events[-2:] == ["because", Done()]
    assert model.requests[1].messages[-1]["content"] == "asked why"


def test_a_tool_of_the_client_keeps_its_name() -> None:
    model = ScriptedModel([tool_call("ask_question")])
    events = run(model, request={"tools": [client_tool("ask_question")]})
    assert offered(model.requests[0]) == ["task_complete", "add", "ask_question"]
    assert events[-1] == Done("tool_calls")


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_a_forced_call_cannot_be_evaded(choice: Any) -> None:
    model = ScriptedModel([tool_call("weather")])
    run(model, request={"tools": [client_tool("weather")], "tool_choice": choice})
    assert offered(model.requests[0]) == ["add", "weather"]


EXACT = {"tiny_agents_loop": True}


def test_the_plain_loop_ends_with_the_first_answer() -> None:
    assert run(ScriptedModel([ADD], "three"))[-2:] == ["three", Done()]


@pytest.mark.parametrize("extra", ["more text", [ReasoningDelta("hm"), ADD], ["text", ADD], [Finish("length")]])
def test_the_exact_loop_calls_once_more_and_drops_what_begins_without_a_call(extra: Any) -> None:
    model = ScriptedModel([ADD], "three", extra)
    assert run(model, **EXACT)[-2:] == ["three", Done("stop")]
    assert model.requests[2].messages[-1] == {"role": "assistant", "content": "three"}
    assert model.requests[2].take_text is None


def test_the_exact_loop_goes_on_with_calls() -> None:
    model = ScriptedModel([ADD], "three", [ADD, "x"], "again", "dropped")
    events = run(model, **EXACT)
    assert [event for event in events if isinstance(event, str)] == ["three", "x", "again"]
    assert len(model.requests) == 5
    assert events[-1] == Done()


def test_the_exact_loop_ends_at_an_exit_and_after_an_answer_without_tools() -> None:
    assert run(ScriptedModel([ADD], "three", [EXIT]), **EXACT)[-2:] == ["three", Done()]
    assert run(ScriptedModel("hello"), **EXACT) == ["hello", Done()]


def test_a_failure_of_the_extra_call_does_not_spoil_the_answer() -> None:
    assert run(ScriptedModel([ADD], "three", ModelTimeout("slow")), **EXACT)[-2:] == ["three", Done()]


def test_the_exact_loop_keeps_the_limits() -> None:
    assert run(ScriptedModel([ADD], "three"), max_model_calls=2, **EXACT)[-2:] == ["three", Done()]
    long = ScriptedModel(*[[ADD]] * 10, "eleven")
    assert run(long, **EXACT)[-2:] == ["eleven", Done()]
    assert run(ScriptedModel(*[[ADD]] * 25), **EXACT)[-1] == Done("length")


def test_the_last_answer_may_have_been_cut_off() -> None:
    assert run(ScriptedModel([ADD], ["thr", Finish("length")]), **EXACT)[-2:] == ["thr", Done("length")]
