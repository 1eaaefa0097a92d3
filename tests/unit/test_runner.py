from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ModelTimeout
from flask_agent_api.errors import ToolError
from flask_agent_api.models.base import Finish
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import model_reply
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.base import Tool
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Done
from flask_agent_api.types import Event
from flask_agent_api.types import ReasoningDelta
from flask_agent_api.types import RunRequest
from flask_agent_api.types import ToolFinished
from flask_agent_api.types import ToolsetUnavailable
from flask_agent_api.types import ToolStarted
from flask_agent_api.types import Usage

USER = {"role": "user", "content": "hello"}


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


class Toolset:
    """Tools with instructions, or an error instead of them."""

    kind = "test"

    def __init__(self, name: str, *tools: Tool, says: str = "", error: str = "") -> None:
        self.name = name
        self._tools = tools
        self._says = says
        self._error = error

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        if self._error:
            raise ToolError(self._error)
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        return self._says


def agent(model: ScriptedModel, **fields: Any) -> ModelAgent:
    return ModelAgent("root", model, **{"toolsets": (FunctionToolset("math", [FunctionTool(add)]),), **fields})


def run(agent: ModelAgent, params: dict[str, Any] | None = None, **settings: Any) -> list[str | Event]:
    ctx = RunContext(Settings(**settings), deadline=1e9)
    return [event for batch in agent.run(RunRequest([USER], params or {}), ctx) for event in batch]


def text(events: list[str | Event]) -> str:
    return "".join(event for event in events if isinstance(event, str))


def always_adds(request: ModelRequest) -> list[Any]:
    return ["again ", tool_call("add", a=1, b=2)]


def test_text_reasoning_and_usage_pass_and_the_end_is_done() -> None:
    model = ScriptedModel([ReasoningDelta("hm"), "Hel", "lo", Usage(3, 2)])
    assert run(agent(model)) == [ReasoningDelta("hm", "root"), "Hel", "lo", Usage(3, 2), Done()]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("tool_calls", "stop"),
        ("eos", "stop"),
    ],
)
def test_finish_reason_is_one_that_clients_know(reason: str, expected: Any) -> None:
    assert run(agent(ScriptedModel(["a", Finish(reason)])))[-1] == Done(expected)


def test_tools_run_and_their_results_go_back_to_the_model() -> None:
    model = ScriptedModel(["Let me see. ", tool_call("add", a=1, b=2), tool_call("add", a=3, b=4)], "3 and 7")
    events = run(agent(model, instruction="Add."), {"temperature": 0.5})
    kinds = [type(event) for event in events]
    assert kinds == [str, ToolStarted, ToolFinished, ToolStarted, ToolFinished, str, Done]
    assert text(events) == "Let me see. 3 and 7"
    first, second = model.requests
    start = [{"role": "system", "content": "Add."}, USER]
    assert first.messages == start
    assert [tool["function"]["name"] for tool in first.tools] == ["add"]
    ids = [each["tool_call_id"] for each in second.messages[-2:]]
    assert len(set(ids)) == 2
    assert second.messages == [
        *start,
        {
            "role": "assistant",
            "content": "Let me see. ",
            "tool_calls": [
                {"id": ids[0], "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}},
                {"id": ids[1], "type": "function", "function": {"name": "add", "arguments": '{"a": 3, "b": 4}'}},
            ],
        },
        {"role": "tool", "tool_call_id": ids[0], "content": "3"},
        {"role": "tool", "tool_call_id": ids[1], "content": "7"},
    ]
    for request in model.requests:
        assert request.params == {"temperature": 0.5}
        assert request.deadline == 1e9


def test_ids_stay_unique_over_all_replies_of_a_run() -> None:
    again = ToolCallDelta(0, "same", "add", '{"a": 1, "b": 2}')
    model = ScriptedModel([again], [again], [again], "done")
    run(agent(model))
    results = [message for message in model.requests[-1].messages if message["role"] == "tool"]
    assert len({message["tool_call_id"] for message in results}) == 3
    calls = [call for message in model.requests[-1].messages for call in message.get("tool_calls", [])]
    assert [call["id"] for call in calls] == [message["tool_call_id"] for message in results]


def test_a_call_gone_wrong_is_told_to_the_model_which_answers() -> None:
    model = ScriptedModel([ToolCallDelta(0, "c1", "add", "{broken"), tool_call("nope")], "Sorry.")
    events = run(agent(model))
    assert (text(events), events[-1]) == ("Sorry.", Done())
    contents = [message["content"] for message in model.requests[1].messages if message["role"] == "tool"]
    assert "not valid JSON" in contents[0]


@pytest.mark.parametrize("calls", [1, 3])
def test_model_calls_of_a_run_are_capped_by_the_setting(calls: int) -> None:
    model = ScriptedModel(*[always_adds] * 10)
    events = run(agent(model), max_model_calls=calls)
    assert len(model.requests) == calls
    assert text(events).endswith(f"this run reached its limit of {calls} model calls.")
    assert events[-1] == Done("length")
    assert [type(event) for event in events].count(Done) == 1


def test_model_calls_of_a_run_are_capped_by_the_agent() -> None:
    model = ScriptedModel(*[always_adds] * 10)
    events = run(agent(model, max_iterations=2), max_model_calls=5)
    assert len(model.requests) == 2
    assert text(events).endswith("reached its limit of 2 model calls.")
    assert events[-1] == Done("length")


def test_an_answer_in_the_last_call_that_is_left_is_an_answer() -> None:
    model = ScriptedModel(always_adds, "done")
    assert run(agent(model, max_iterations=2), max_model_calls=2)[-1] == Done("stop")


def test_tool_calls_of_a_run_are_capped_and_none_of_the_reply_runs() -> None:
    calls = [tool_call("add", a=1, b=2)] * 2
    model = ScriptedModel(calls, calls, "never asked")
    events = run(agent(model), max_tool_calls=3)
    assert len(model.requests) == 2
    assert sum(isinstance(event, ToolStarted) for event in events) == 2
    assert text(events).endswith("reached its limit of 3 tool calls.")
    assert events[-1] == Done("length")


def test_a_toolset_that_cannot_be_had_is_reported_and_the_agent_answers() -> None:
    model = ScriptedModel("without")
    toolsets = (Toolset("lost", error="no server"), Toolset("math", FunctionTool(add), says="Use add."))
    events = run(agent(model, toolsets=toolsets))
    assert events == [ToolsetUnavailable("lost", "no server", "root", 0), "without", Done()]
    (request,) = model.requests
    assert [tool["function"]["name"] for tool in request.tools] == ["add"]
    assert request.messages[0] == {"role": "system", "content": "Use add."}


def test_of_tools_with_one_name_the_first_wins() -> None:
    def subtract(a: int, b: int) -> int:
        return a - b

    toolsets = (Toolset("one", FunctionTool(add)), Toolset("two", FunctionTool(subtract, name="add")))
    model = ScriptedModel([tool_call("add", a=5, b=2)], "done")
    run(agent(model, toolsets=toolsets))
    assert model.requests[1].messages[-1]["content"] == "7"
    assert len(model.requests[0].tools) == 1


def test_what_the_model_raises_ends_the_run() -> None:
    with pytest.raises(ModelTimeout, match="too slow"):
        run(agent(ScriptedModel(["a", ModelTimeout("too slow")])))


def test_closing_the_run_closes_the_models_stream() -> None:
    closed: list[str] = []

    class Model(ScriptedModel):
        def stream(self, request: ModelRequest) -> Any:
            try:
                yield from super().stream(request)
            finally:
                closed.append("closed")

    stream = agent(Model(model_reply("a", "b"))).run(RunRequest([USER]), RunContext(Settings()))
    assert next(stream) == ["a"]
    assert closed == []
    stream.close()  # type: ignore[attr-defined]
    assert closed == ["closed"]


def test_the_conversation_of_the_client_is_left_alone() -> None:
    messages = [USER]
    model = ScriptedModel([tool_call("add", a=1, b=2)], "done")
    list(agent(model, instruction="Add.").run(RunRequest(messages), RunContext(Settings())))
    assert messages == [USER]


class Growing(Toolset):
    """Has a tool more once ``grow`` was called."""

    def __init__(self) -> None:
        super().__init__("growing")

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        return [Steering("grow", self.name), *([FunctionTool(add)] if ctx.state.get(self.name) else [])]

    def instructions(self, ctx: RunContext) -> str:
        return "Grow."


class Steering:
    """A tool that wants something of the next model call."""

    description = "Steers."
    read_only = True
    timeout = None
    needs = ""
    parameters: dict[str, Any] = {"type": "object"}

    def __init__(self, name: str, state: str = "", model: ScriptedModel | None = None) -> None:
        self.name = name
        self._state = state
        self._model = model

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        ctx.state[self._state] = True
        ctx.next_call.refresh_tools = self._model is None
        ctx.next_call.model = self._model
        return "done"


def tool_names(request: ModelRequest) -> list[str]:
    return [tool["function"]["name"] for tool in request.tools]


def test_a_toolset_can_grow_while_the_agent_works() -> None:
    model = ScriptedModel([tool_call("grow")], [tool_call("add", a=1, b=2)], "3")
    toolsets = (Growing(), Toolset("lost", error="no server"))
    events = run(agent(model, toolsets=toolsets))
    assert [tool_names(request) for request in model.requests] == [["grow"], ["grow", "add"], ["grow", "add"]]
    assert [request.messages[0]["content"] for request in model.requests] == ["Grow."] * 3
    assert model.requests[2].messages[-1]["content"] == "3"
    assert sum(isinstance(event, ToolsetUnavailable) for event in events) == 1


def test_a_tool_can_have_another_model_make_the_next_call_and_that_alone() -> None:
    other = ScriptedModel([tool_call("add", a=1, b=2)])
    toolsets = (Toolset("steering", Steering("steer", model=other), FunctionTool(add)),)
    model = ScriptedModel([tool_call("steer")], "done")
    assert text(run(agent(model, toolsets=toolsets))) == "done"
    assert [len(model.requests), len(other.requests)] == [2, 1]
    assert other.requests[0].messages[-1]["content"] == "done"
