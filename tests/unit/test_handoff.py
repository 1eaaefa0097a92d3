from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.conversations.client_turns import AgentTurns
from flask_agent_api.conversations.memory import MemoryStore
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.runtime.agent import Agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.callable_agent import CallableAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import AgentSwitched
from flask_agent_api.types import ClientToolCalls
from flask_agent_api.types import Done
from flask_agent_api.types import Event
from flask_agent_api.types import Message
from flask_agent_api.types import RunRequest
from flask_agent_api.types import TextDelta
from flask_agent_api.types import ToolFinished

USER: Message = {"role": "user", "content": "hello"}
PAINT = {"type": "function", "function": {"name": "paint", "parameters": {"type": "object", "properties": {}}}}


def look() -> str:
    return "seen"


def handoff(agent: str) -> ToolCallDelta:
    return tool_call("handoff", agent=agent)


def transfer(agent: str) -> ToolCallDelta:
    return tool_call("transfer_task", agent=agent, task="t", expected_output="")


class Team(dict[str, Agent]):
    """Agents that know each other. Each has a tool ``look_NAME``."""

    def add(self, name: str, *replies: Any, **fields: Any) -> ScriptedModel:
        model = ScriptedModel(*replies, name=name)
        tool = FunctionTool(look, name=f"look_{name}")
        own = {"instruction": f"I am {name}.", "toolsets": (FunctionToolset(name, [tool]),), **fields}
        self[name] = ModelAgent(name, model, description=f"Does {name}.", team=self, **own)
        return model


def run(agent: Agent, *messages: Message, ctx: RunContext | None = None, **fields: Any) -> list[str | Event]:
    request = RunRequest(messages or [USER], **fields)
    return [event for batch in agent.run(request, ctx or RunContext(Settings())) for event in batch]  # type: ignore[union-attr]


def text(events: list[str | Event]) -> str:
    return "".join(event for event in events if isinstance(event, str))


def switches(events: list[str | Event]) -> list[AgentSwitched]:
    return [event for event in events if isinstance(event, AgentSwitched)]


def tool_names(request: ModelRequest) -> list[str]:
    return [tool["function"]["name"] for tool in request.tools]


def assert_valid(request: ModelRequest) -> None:
    """Every call is followed by its result, and nothing else comes in between."""
    awaited: list[str] = []
    for message in request.messages:
        if message["role"] == "tool":
            assert awaited.pop(0) == message["tool_call_id"]
            continue
        assert not awaited
        awaited += [call["id"] for call in message.get("tool_calls") or ()]
    assert not awaited


def results(request: ModelRequest) -> list[str]:
    return [message["content"] for message in request.messages if message["role"] == "tool"]


def test_the_newcomer_goes_on_with_the_conversation_and_its_own_prompt_and_tools() -> None:
    team = Team()
    team.add("root", ["Let me see. ", tool_call("look_root")], ["Over to b.", handoff("b")], handoffs=("b",))
    b = team.add("b", "Hello from b.")
    events = run(team["root"], {"role": "system", "content": "Be brief."}, USER, params={"temperature": 0.5})
    assert text(events) == "Let me see. Over to b.\n\nHello from b."
    assert switches(events) == [AgentSwitched("root", "b", "handoff", 0)]
    assert events[-1] == Done()
    (request,) = b.requests
    assert_valid(request)
    assert request.params == {"temperature": 0.5}
    assert tool_names(request) == ["look_b"]
    system, user, first, seen, second, welcome = request.messages
    assert system == {"role": "system", "content": "I am b.\n\nBe brief."}
    assert (user, seen["content"]) == (USER, "seen")
    assert [first["content"], second["content"]] == ["Let me see. ", "Over to b."]
    assert "root handed the conversation over to you, b" in welcome["content"]
    assert "use none of the tools" in welcome["content"]


def test_the_roster_and_the_tool_name_who_can_take_over() -> None:
    team = Team()
    root = team.add("root", "done", handoffs=("b",))
    team.add("b")
    run(team["root"])
    (request,) = root.requests
    assert re.search(r"You are root.*\n- b: Does b\.\n.*handoff", request.messages[0]["content"])
    assert request.tools[0]["function"]["parameters"]["properties"]["agent"]["enum"] == ["b"]


def test_a_chain_of_handoffs_and_back_again() -> None:
    team = Team()
    root = team.add("root", [handoff("b")], "At last.", handoffs=("b",))
    b = team.add("b", [handoff("c")], handoffs=("c",))
    c = team.add("c", [handoff("root")], handoffs=("root",))
    events = run(team["root"])
    assert text(events) == "At last."
    assert [(each.source, each.target) for each in switches(events)] == [("root", "b"), ("b", "c"), ("c", "root")]
    for model in (root, b, c):
        assert_valid(model.requests[-1])
    assert root.requests[1].messages[0] == root.requests[0].messages[0]
    assert len(results(root.requests[1])) == 3


def test_handoffs_without_an_end_meet_the_limit_of_the_run() -> None:
    team = Team()
    team.add("root", *[[handoff("b")]] * 10, handoffs=("b",), max_iterations=1)
    team.add("b", *[[handoff("root")]] * 10, handoffs=("root",), max_iterations=1)
    events = run(team["root"], ctx=RunContext(Settings(max_model_calls=5)))
    assert events[-1] == Done("length")
    assert len(switches(events)) == 5
    assert "limit of 5 model calls" in text(events)


def test_every_agent_has_its_own_number_of_model_calls() -> None:
    team = Team()
    team.add("root", [tool_call("look_root")], [handoff("b")], handoffs=("b",), max_iterations=2)
    team.add("b", *[[tool_call("look_b")]] * 5, max_iterations=3)
    events = run(team["root"])
    assert len(team["b"].model.requests) == 3  # type: ignore[attr-defined]
    assert text(events).endswith("limit of 3 model calls.")


def test_other_calls_of_the_reply_run_first_with_the_tools_of_who_made_them() -> None:
    team = Team()
    team.add("root", [handoff("b"), tool_call("look_root"), tool_call("look_b")], handoffs=("b",))
    b = team.add("b", [tool_call("look_root")], "done")
    events = run(team["root"])
    assert_valid(b.requests[0])
    _, seen, unknown = results(b.requests[0])
    assert (seen, unknown[:5]) == ("seen", "Error")
    assert "there is no tool 'look_root'" in results(b.requests[1])[-1]
    assert events[-1] == Done()


def test_of_two_handoffs_the_first_counts() -> None:
    team = Team()
    team.add("root", [handoff("b"), handoff("c")], handoffs=("b", "c"))
    b = team.add("b", "I am on.")
    c = team.add("c")
    events = run(team["root"])
    assert text(events) == "I am on."
    assert not c.requests
    assert_valid(b.requests[0])
    assert results(b.requests[0])[1] == "Error: the conversation goes to 'b' already; only one agent can have it"


def test_a_handoff_to_a_stranger_is_a_tool_error_and_the_agent_goes_on() -> None:
    team = Team()
    root = team.add("root", [handoff("zed")], "myself then", handoffs=("b",))
    team.add("b")
    events = run(team["root"])
    assert not switches(events)
    assert results(root.requests[1]) == ["Error: there is no agent 'zed' that you can hand over to, only b"]


def test_a_handoff_inside_a_task_stays_in_it() -> None:
    team = Team()
    root = team.add("root", [transfer("a")], "done", sub_agents=("a",), handoffs=("b",))
    team.add("a", ["Not me.", handoff("b")], handoffs=("b",))
    b = team.add("b", "The answer.")
    events = run(team["root"], ctx=(ctx := RunContext(Settings())))
    assert results(root.requests[1]) == ["The answer."]
    assert "handed the conversation over to you, b" in results(b.requests[0])[0]
    assert ctx.next_call.agent == ""
    assert text(events) == "done"


def test_inside_a_task_texts_have_the_name_of_who_says_them() -> None:
    team = Team()
    seen: list[Any] = []
    team.add("root", [transfer("a")], "done", sub_agents=("a",))
    team.add("a", ["Not me.", handoff("b")], handoffs=("b",))
    team.add("b", "The answer.")
    run(team["root"], ctx=RunContext(Settings(), emit=seen.extend))
    said = [(event.agent, event.text, event.depth) for event in seen if isinstance(event, TextDelta)]
    assert said == [("a", "Not me.", 1), ("a", "\n\n", 1), ("b", "The answer.", 1)]
    assert AgentSwitched("a", "b", "handoff", 1) in seen
    assert seen[-1] == AgentSwitched("a", "root", "transfer_end", 0)


def test_a_python_agent_may_take_over() -> None:
    def helper(request: RunRequest, ctx: RunContext) -> Iterator[str]:
        yield f"{len(request.messages)} messages, "
        yield str(request.messages[-1]["role"])

    team = Team()
    team.add("root", [handoff("helper")], handoffs=("helper",))
    team["helper"] = CallableAgent(helper)
    events = run(team["root"])
    assert text(events) == "3 messages, tool"
    assert events[-1] == Done()


def handed(events: list[str | Event]) -> list[Message]:
    """The calls of the client's tools, with their results, as the client sends them back."""
    (calls,) = (event.calls for event in events if isinstance(event, ClientToolCalls))
    listed = [{"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in calls]
    answers = [{"role": "tool", "tool_call_id": call.id, "content": "red"} for call in calls]
    return [{"role": "assistant", "content": None, "tool_calls": listed}, *answers]


@pytest.mark.parametrize("together", [False, True])
def test_who_handed_the_clients_calls_out_goes_on_when_it_comes_back(together: bool) -> None:
    store = MemoryStore()
    team = Team()
    paint = tool_call("paint")
    root_reply = [handoff("b"), paint] if together else [handoff("b")]
    root = team.add("root", root_reply, "back to root", handoffs=("b",))
    b = team.add("b", *([] if together else [[paint]]), [paint], "b goes on")

    def ask(*messages: Message) -> list[str | Event]:
        turns = AgentTurns(lambda: store, "alice", "root")
        return run(team["root"], *messages, ctx=RunContext(Settings(), turns=turns), tools=(PAINT,))

    first = handed(ask(USER))
    second = handed(ask(USER, *first))
    events = ask(USER, *first, *second)
    assert text(events) == "b goes on"
    assert len(root.requests) == 1
    for request in b.requests:
        assert_valid(request)
        assert {message["role"] for message in request.messages} <= {"system", "user", "assistant", "tool"}
    assert text(ask(USER, *first, *second, {"role": "assistant", "content": "ok"}, USER)) == "back to root"
    assert_valid(root.requests[-1])


def forced(*names: str) -> Team:
    """Agents that always hand over to the next one; each says its name."""
    team = Team()
    for name, target in zip(names, [*names[1:], ""], strict=True):
        team.add(name, [tool_call(f"look_{name}")], f"I am {name}.", force_handoff=target)
    return team


def test_a_fixed_order_runs_to_its_end_and_all_answers_are_there() -> None:
    team = forced("a", "b", "c")
    events = run(team["a"])
    assert text(events) == "I am a.\n\nI am b.\n\nI am c."
    assert [(each.source, each.target, each.kind) for each in switches(events)] == [
        ("a", "b", "handoff"),
        ("b", "c", "handoff"),
    ]
    assert events.count(Done()) == 1
    last = team["c"].model.requests[-1]  # type: ignore[attr-defined]
    assert_valid(last)
    assert {"role": "assistant", "content": "I am a."} in last.messages
    assert tool_names(last) == ["look_c"]
    notices = [message["content"] for message in last.messages if message["role"] == "user"]
    assert ["a has finished" in notices[1], "b has finished" in notices[2]] == [True, True]


def test_in_a_task_the_last_of_a_fixed_order_answers() -> None:
    team = forced("a", "b")
    root = team.add("root", [transfer("a")], "done", sub_agents=("a",))
    events = run(team["root"])
    assert [event.result.content for event in events if isinstance(event, ToolFinished)] == ["I am b."]
    assert len(root.requests) == 2


def test_an_empty_answer_is_passed_on_as_none() -> None:
    team = Team()
    team.add("a", "", force_handoff="b")
    b = team.add("b", "I am b.")
    assert text(run(team["a"])) == "I am b."
    assert [message["role"] for message in b.requests[0].messages] == ["system", "user", "user"]
