"""The client's own tools in the loop of a declared agent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.conversations.client_turns import AgentTurns
from flask_agent_api.conversations.memory import MemoryStore
from flask_agent_api.errors import RequestError
from flask_agent_api.models.base import ToolCallDelta
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
from flask_agent_api.types import RunRequest
from flask_agent_api.types import ToolCall
from flask_agent_api.types import ToolFinished
from flask_agent_api.types import ToolStarted
from flask_agent_api.types import Usage

USER: Message = {"role": "user", "content": "hello"}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "strict": True, "parameters": {"type": "object", "properties": {}}},
}
PAINT = {"type": "function", "function": {"name": "paint", "parameters": {"type": "object", "properties": {}}}}
NAMED = {"type": "function", "function": {"name": "weather"}}


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def weather() -> str:
    """The agent's own."""
    return "server's weather"


def agent(model: ScriptedModel, *functions: Any, **fields: Any) -> ModelAgent:
    toolsets = (FunctionToolset("own", [FunctionTool(each) for each in functions or (add,)]),)
    return ModelAgent("root", model, **{"toolsets": toolsets, **fields})


def context(store: MemoryStore | None = None, **settings: Any) -> RunContext:
    kept = store or MemoryStore()
    return RunContext(Settings(**settings), turns=AgentTurns(lambda: kept, "alice", "root"))


def run(agent: ModelAgent, ctx: RunContext | None = None, *messages: Message, **fields: Any) -> list[str | Event]:
    request = RunRequest(messages or [USER], **{"tools": (WEATHER, PAINT), **fields})
    return [event for batch in agent.run(request, ctx or context()) for event in batch]


def handed(events: list[str | Event]) -> list[ToolCall]:
    """The calls that the client gets; nothing may follow them but the end."""
    *_, calls, done = events
    assert isinstance(calls, ClientToolCalls)
    assert done == Done("tool_calls")
    return list(calls.calls)


def as_client_has_it(calls: list[ToolCall], text: str = "") -> Message:
    listed = [{"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in calls]
    return {"role": "assistant", "content": text or None, "tool_calls": listed}


def result(call: ToolCall, content: str) -> Message:
    return {"role": "tool", "tool_call_id": call.id, "content": content}


def test_the_clients_tools_are_offered_as_they_are_beside_the_agents_own() -> None:
    model = ScriptedModel("Hi")
    run(agent(model))
    assert [tool["function"]["name"] for tool in model.requests[0].tools] == ["add", "weather", "paint"]
    assert list(model.requests[0].tools[1:]) == [WEATHER, PAINT]
    assert "tool_choice" not in model.requests[0].params


def test_a_call_of_a_clients_tool_ends_the_answer() -> None:
    model = ScriptedModel(["Let me see. ", tool_call("weather", city="Ulm"), Usage(3, 4)])
    events = run(agent(model))
    assert events[:2] == ["Let me see. ", Usage(3, 4)]
    (call,) = handed(events)
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Ulm"})
    assert not any(isinstance(event, ToolStarted) for event in events)


def test_ids_are_new_and_of_the_kind_that_every_provider_takes_back() -> None:
    ids = set()
    for _ in range(50):
        (call,) = handed(run(agent(ScriptedModel([ToolCallDelta(0, "call_1", "weather", "")]))))
        assert len(call.id) == 9
        assert call.id.isalnum()
        assert call.id.isascii()
        assert call.arguments == "{}"
        ids.add(call.id)
    assert len(ids) == 50


def test_the_servers_tools_run_first_and_their_results_are_there_in_the_follow_up() -> None:
    ctx = context(MemoryStore())
    mixed = ["Both. ", tool_call("weather"), tool_call("add", a=1, b=2), tool_call("paint")]
    model = ScriptedModel([tool_call("add", a=20, b=2)], mixed, "It rains 25 times.")
    events = run(agent(model, instruction="Be nice."), ctx)
    assert [event.result.content for event in events if isinstance(event, ToolFinished)] == ["22", "3"]
    first, second = handed(events)
    back = [USER, as_client_has_it([first, second], "Both. "), result(second, "red"), result(first, "rain")]
    assert run(agent(model, instruction="Be nice."), ctx, *back)[-1] == Done()
    system, user, asked, added, both, *results = model.requests[2].messages
    assert (system["content"], user) == ("Be nice.", USER)
    assert (asked["tool_calls"][0]["function"]["name"], added["content"]) == ("add", "22")
    assert both["content"] == "Both. "
    assert [call["function"]["name"] for call in both["tool_calls"]] == ["weather", "add", "paint"]
    assert [call["id"] for call in both["tool_calls"]] == [each["tool_call_id"] for each in results]
    assert [each["content"] for each in results] == ["rain", "3", "red"]


def test_several_rounds_and_a_later_turn_keep_everything() -> None:
    ctx = context(MemoryStore())
    model = ScriptedModel(
        [ToolCallDelta(0, "call_1", "add", '{"a": 1, "b": 1}'), ToolCallDelta(1, "call_2", "weather", "{}")],
        [ToolCallDelta(0, "call_1", "add", '{"a": 2, "b": 2}'), ToolCallDelta(1, "call_2", "paint", "{}")],
        "Done.",
        "Still here.",
    )
    history = [USER]
    for answer in ("rain", "red"):
        (call,) = handed(run(agent(model), ctx, *history))
        history += [as_client_has_it([call]), result(call, answer)]
    run(agent(model), ctx, *history)
    run(agent(model), ctx, *history, {"role": "assistant", "content": "Done."}, USER)
    for request in model.requests[2:]:
        results = [message["content"] for message in request.messages if message["role"] == "tool"]
        assert results == ["2", "rain", "4", "red"]
        ids = [message["tool_call_id"] for message in request.messages if message["role"] == "tool"]
        assert len(set(ids)) == 4, "a model's ids may be the same in each run"


@pytest.mark.parametrize("stranger", [("bob", "root"), ("alice", "other")])
def test_a_turn_of_another_is_not_found(stranger: tuple[str, str]) -> None:
    store = MemoryStore()
    model = ScriptedModel([tool_call("add", a=20, b=2), tool_call("weather")], "Hm.")
    (call,) = handed(run(agent(model), context(store)))
    theirs = RunContext(Settings(), turns=AgentTurns(lambda: store, *stranger))
    assert run(agent(model), theirs, USER, as_client_has_it([call]), result(call, "rain"))[-1] == Done()
    assert model.requests[1].messages == [USER, as_client_has_it([call]), result(call, "rain")]


def test_an_unknown_id_goes_on_from_the_clients_history() -> None:
    model = ScriptedModel("Fine.")
    history = [USER, as_client_has_it([ToolCall("never-seen", "weather", "{}")])]
    assert run(agent(model), None, *history)[-1] == Done()
    assert model.requests[0].messages[-1] == {"role": "tool", "tool_call_id": "never-seen", "content": "(no result)"}


def test_the_agents_tool_wins_a_name_and_the_clients_is_named() -> None:
    ctx = context()
    model = ScriptedModel([tool_call("weather")], "Sunny.")
    events = run(agent(model, weather), ctx)
    assert [event.result.content for event in events if isinstance(event, ToolFinished)] == ["server's weather"]
    assert events[-1] == Done()
    assert ctx.ignored == ["tools.weather"]
    assert [tool["function"]["name"] for tool in model.requests[0].tools] == ["weather", "paint"]


def test_a_forced_tool_must_not_be_left_out() -> None:
    for fields in ({"tool_choice": NAMED}, {"tool_choice": "required", "tools": (WEATHER,)}):
        with pytest.raises(RequestError, match="'weather'") as caught:
            run(agent(ScriptedModel(), weather), **fields)
        assert (caught.value.param, caught.value.code) == ("tool_choice", "tool_name_taken")
    model = ScriptedModel([tool_call("paint")])
    assert handed(run(agent(model, weather), tool_choice="required"))[0].name == "paint"


def test_a_named_tool_is_forced_on_the_model() -> None:
    model = ScriptedModel([tool_call("weather")])
    handed(run(agent(model), tool_choice=NAMED, params={"temperature": 1}))
    assert model.requests[0].params == {"temperature": 1, "tool_choice": NAMED}


def test_required_stays_required_until_a_tool_of_the_client_is_called() -> None:
    model = ScriptedModel([tool_call("add", a=1, b=2)], [tool_call("add", a=1, b=2)], [tool_call("paint")])
    assert handed(run(agent(model), tool_choice="required"))[0].name == "paint"
    assert [request.params["tool_choice"] for request in model.requests] == ["required"] * 3


@pytest.mark.parametrize("broken", ['{"city": ', "[]", "null", '{"a": NaN}', "x"])
def test_arguments_that_no_client_could_read_go_back_to_the_model(broken: str) -> None:
    model = ScriptedModel([ToolCallDelta(0, "c", "weather", broken)], [tool_call("weather", city="Ulm")])
    (call,) = handed(run(agent(model)))
    assert json.loads(call.arguments) == {"city": "Ulm"}
    assert "Call the tool again" in model.requests[1].messages[-1]["content"]


def test_readable_calls_beside_a_broken_one_are_handed_out() -> None:
    ctx = context(MemoryStore())
    model = ScriptedModel([ToolCallDelta(0, "c", "weather", "{"), tool_call("paint")], "ok")
    (call,) = handed(run(agent(model), ctx))
    assert call.name == "paint"
    run(agent(model), ctx, USER, as_client_has_it([call]), result(call, "red"))
    contents = [message["content"] for message in model.requests[1].messages if message["role"] == "tool"]
    assert "not valid JSON" in contents[0]
    assert contents[1] == "red"


def test_limits_count_what_runs_here() -> None:
    calls = [tool_call("weather")] * 5
    assert len(handed(run(agent(ScriptedModel(calls)), context(max_tool_calls=1)))) == 5
    mixed = [tool_call("add", a=1, b=2), tool_call("add", a=1, b=2), tool_call("weather")]
    assert run(agent(ScriptedModel(mixed)), context(max_tool_calls=1))[-1] == Done("length")


def test_agents_of_the_team_get_none_of_them() -> None:
    child_model = ScriptedModel("done")
    transfer = tool_call("transfer_task", agent="child", task="t", expected_output="")
    model = ScriptedModel([transfer], "ok")
    child = ModelAgent("child", child_model)
    root = ModelAgent("root", model, sub_agents=("child",), team={"child": child})
    run(root, tool_choice="auto")
    assert [tool["function"]["name"] for tool in model.requests[0].tools] == ["transfer_task", "weather", "paint"]
    assert child_model.requests[0].tools == []


def test_a_run_without_a_store_still_hands_out() -> None:
    model = ScriptedModel([tool_call("weather")], "ok")
    (call,) = handed(run(agent(model), RunContext(Settings())))
    run(agent(model), RunContext(Settings()), USER, as_client_has_it([call]), result(call, "rain"))
    assert model.requests[1].messages[-1] == result(call, "rain")
