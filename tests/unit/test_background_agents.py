from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ModelUnavailable
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.runtime import background_tasks
from flask_agent_api.runtime.agent import Agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.background_agents import BackgroundAgents
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
from flask_agent_api.types import Event
from flask_agent_api.types import RunRequest
from flask_agent_api.types import TextDelta
from flask_agent_api.types import Usage
from flask_agent_api.web.activity.modes import MODES
from flask_agent_api.web.activity.pieces import Extension
from tests.waiting import wait_until

REQUEST = RunRequest([{"role": "user", "content": "hello"}])


def begin(agent: str, task: str = "t") -> ToolCallDelta:
    return tool_call("run_background_agent", agent=agent, task=task)


def wait(*ids: int, **arguments: Any) -> ToolCallDelta:
    return tool_call("wait_background_agents", task_ids=[f"agent_task_{id}" for id in ids], **arguments)


def view(id: int) -> ToolCallDelta:
    return tool_call("view_background_agent", task_id=f"agent_task_{id}")


def team_of(root: ScriptedModel, *members: Agent) -> ModelAgent:
    team: dict[str, Agent] = {member.name: member for member in members}
    toolsets = (BackgroundAgents("root", team),)
    team["root"] = ModelAgent("root", root, toolsets=toolsets, sub_agents=tuple(team), team=team)
    return team["root"]  # type: ignore[return-value]


def run_of(agent: Agent, **settings: Any) -> Run:
    return Run(agent, REQUEST, RunContext(Settings(**settings))).start()


def run(agent: Agent, **settings: Any) -> list[str | Event]:
    return [event for batch in run_of(agent, **settings).batches() for event in batch]


def results(model: ScriptedModel, call: int = -1) -> list[str]:
    """The results that the model had got by a call, the last one unless told."""
    return [message["content"] for message in model.requests[call].messages if message["role"] == "tool"]


def scripted(name: str, *replies: Any, **fields: Any) -> ModelAgent:
    return ModelAgent(name, ScriptedModel(*replies, name=name), **fields)


class Hanging:
    """A toolset with a tool that waits until it is let go, or ended."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.go = threading.Event()
        self.toolsets = (FunctionToolset("slow", [FunctionTool(self.hang, name="hang")]),)

    def hang(self) -> str:
        self.begun += 1
        try:
            self.go.wait(30)
        finally:
            self.ended += 1
        return "let go"


def test_tasks_run_beside_each_other_and_their_results_are_collected() -> None:
    both = threading.Barrier(2, timeout=5)

    def meet(messages: list[Any]) -> str:
        both.wait()
        return f"{messages[0]['content']} done"

    root = ScriptedModel([begin("a", "first"), begin("b", "second")], [wait(2, 1)], "all done")
    events = run(team_of(root, CallableAgent(meet, "a"), CallableAgent(meet, "b")))
    assert events[-2:] == ["all done", Done()]
    assert "ID: agent_task_1\nAgent: a" in results(root)[0]
    assert json.loads(results(root)[-1]) == {
        "all_done": True,
        "tasks": [
            {"task_id": "agent_task_2", "status": "completed", "done": True, "output": "second done"},
            {"task_id": "agent_task_1", "status": "completed", "done": True, "output": "first done"},
        ],
    }


def test_events_come_one_level_deeper_and_usage_counts_once() -> None:
    root = ScriptedModel([begin("a"), Usage(1, 1)], [wait(1), Usage(1, 1)], ["done", Usage(1, 1)])
    events = run(team_of(root, scripted("a", ["hello", Usage(10, 5)])))
    assert TextDelta("hello", "a", 1) in events
    switches = [event for event in events if isinstance(event, AgentSwitched)]
    assert switches == [AgentSwitched("root", "a", "transfer", 0), AgentSwitched("a", "root", "transfer_end", 0)]
    assert sum((event for event in events if isinstance(event, Usage)), Usage()) == Usage(13, 8)


def test_the_agent_gets_the_task_and_the_result_is_its_last_answer() -> None:
    a = ScriptedModel(["Let me see.", tool_call("look")], "It is.")
    helper = ModelAgent("a", a, toolsets=(FunctionToolset("eyes", [FunctionTool(lambda: "", name="look")]),))
    root = ScriptedModel([begin("a", "look around")], [wait(1)], "done")
    run(team_of(root, helper))
    assert "<task>\nlook around\n</task>" in a.requests[0].messages[0]["content"]
    assert json.loads(results(root)[-1])["tasks"][0]["output"] == "It is."


def test_what_an_agent_has_said_so_far_can_be_seen() -> None:
    go = threading.Event()
    root = ScriptedModel(
        [begin("a")],
        lambda request: [wait(1, timeout=0.05), view(1), tool_call("list_background_agents")],
        lambda request: [go.set() or wait(1)],  # type: ignore[func-returns-value]
        [view(1), tool_call("list_background_agents")],
        "done",
    )
    run(team_of(root, scripted("a", ["I am at ", go, "the end."])))
    assert json.loads(results(root)[1]) == {
        "all_done": False,
        "timed_out": True,
        "tasks": [{"task_id": "agent_task_1", "status": "running", "done": False, "output": "I am at "}],
    }
    assert results(root)[2].startswith("agent_task_1: agent a, running, 0 s\n\nI am at")
    assert results(root)[3].startswith("agent_task_1: agent a, running")
    assert results(root)[5] == "agent_task_1: agent a, completed, 0 s\n\nI am at the end."


def test_a_task_can_be_stopped_and_its_tools_end() -> None:
    hanging = Hanging()

    def stop(request: ModelRequest) -> Any:
        wait_until(lambda: hanging.begun)
        return [tool_call("stop_background_agent", task_id="agent_task_1")]

    again = [tool_call("stop_background_agent", task_id="agent_task_1")]
    root = ScriptedModel([begin("a")], stop, [wait(1)], again, "done")
    run(team_of(root, scripted("a", [tool_call("hang")], toolsets=hanging.toolsets)))
    assert hanging.ended == 1
    assert results(root)[1] == "The task agent_task_1 was stopped."
    assert json.loads(results(root)[2])["tasks"][0] == {"task_id": "agent_task_1", "status": "stopped", "done": True}
    assert results(root)[3] == "Error: the task agent_task_1 is not running any more: it is stopped"


def test_tasks_end_with_the_answer_and_leave_nothing_behind() -> None:
    hanging = Hanging()

    def answer(request: ModelRequest) -> Any:
        wait_until(lambda: hanging.begun)
        return "done"

    ran = run_of(team_of(ScriptedModel([begin("a")], answer), scripted("a", [tool_call("hang")],
                                                                       toolsets=hanging.toolsets)))  # fmt: skip
    events = [event for batch in ran.batches() for event in batch]
    assert hanging.ended == 1
    assert events[-3:] == ["done", AgentSwitched("a", "root", "transfer_end", 0), Done()]


def test_cancelling_the_run_ends_its_tasks() -> None:
    hanging = Hanging()
    root = ScriptedModel([begin("a"), begin("a")], [wait(1, 2)])
    helper = ModelAgent("a", ScriptedModel(*[[tool_call("hang")]] * 2), toolsets=hanging.toolsets)
    ran = run_of(team_of(root, helper))
    wait_until(lambda: ran.next(0.01) is None and hanging.begun == 2)
    ran.cancel(REQUESTED)
    assert ran.join(5)
    assert hanging.ended == 2


def test_a_failed_task_says_why_and_the_run_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def broken(messages: list[Any]) -> str:
        raise LookupError("SECRET")

    root = ScriptedModel([begin("a"), begin("b")], [wait(1, 2), view(1)], "done")
    run(team_of(root, scripted("a", ModelUnavailable("no key is set")), CallableAgent(broken, "b")))
    first, second = json.loads(results(root)[2])["tasks"]
    assert (first["status"], first["error"]) == ("failed", "the agent 'a' failed: no key is set")
    assert (second["status"], second["error"]) == ("failed", "the agent 'b' failed (LookupError)")
    assert results(root)[3].endswith("the agent 'a' failed: no key is set")


def test_too_many_tasks_at_a_time_are_a_tool_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_tasks, "MAX_RUNNING", 2)
    hanging = Hanging()
    helper = ModelAgent("a", ScriptedModel(*[[tool_call("hang")]] * 2), toolsets=hanging.toolsets)
    root = ScriptedModel([begin("a")] * 3, "done")
    run(team_of(root, helper))
    assert results(root)[2].startswith("Error: 2 tasks are running, and no more can")


def test_the_oldest_results_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_tasks, "MAX_TASKS", 2)
    helper = ModelAgent("a", ScriptedModel("one", "two", "three"))
    root = ScriptedModel([begin("a")], [wait(1), begin("a")], [wait(2), begin("a")], [wait(1, 2, 3)], "done")
    run(team_of(root, helper))
    found = json.loads(results(root)[-1])
    assert [task["status"] for task in found["tasks"]] == ["not_found", "completed", "completed"]
    assert found["all_done"] is False
    assert "timed_out" not in found


def test_the_output_that_a_run_keeps_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_tasks, "MAX_OUTPUT", 12)
    root = ScriptedModel([begin("a")], [wait(1), view(1)], "done")
    run(team_of(root, scripted("a", ["12345", "67890"])))
    assert json.loads(results(root)[1])["tasks"][0] == {
        "task_id": "agent_task_1", "status": "completed", "done": True, "output": "12", "truncated": True,
    }  # fmt: skip
    assert results(root)[2].endswith("12\n[cut: the tasks of this run have said more than is kept]")


def test_a_long_result_is_shown_in_part_by_wait_and_whole_by_view() -> None:
    root = ScriptedModel([begin("a")], [wait(1), view(1)], "done")
    run(team_of(root, scripted("a", "x" * 5000)))
    entry = json.loads(results(root)[1])["tasks"][0]
    assert (len(entry["output"]), entry["truncated"]) == (4096, True)
    assert results(root)[2].count("x") == 5000


def test_limits_of_the_run_hold_for_its_tasks() -> None:
    looks = [[tool_call("look")]] * 9
    eyes = (FunctionToolset("eyes", [FunctionTool(lambda: "", name="look")]),)
    root = ScriptedModel([begin("a")], [wait(1)], "never asked")
    events = run(team_of(root, scripted("a", *looks, toolsets=eyes)), max_model_calls=4)
    assert len(root.requests) == 2
    assert events[-1] == Done("length")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (begin("zed"), "there is no agent 'zed' in your team, only a"),
        (begin("a", " "), "`task` must be text that is not empty"),
        (view(7), "there is no task 'agent_task_7'; the ids are none yet"),
        (wait(), "`task_ids` must be a list of 1 to 100 ids"),
        (tool_call("wait_background_agents", task_ids="agent_task_1"), "`task_ids` must be a list"),
        (wait(1, timeout=-1), "`timeout` must be a number of seconds up to 3600"),
        (wait(1, timeout="long"), "`timeout` must be a number of seconds up to 3600"),
        (tool_call("stop_background_agent"), "there is no task 'None'"),
    ],
)
def test_a_wrong_call_is_a_tool_error(call: ToolCallDelta, error: str) -> None:
    root = ScriptedModel([call], "done")
    run(team_of(root, scripted("a")))
    assert results(root)[0].startswith(f"Error: {error}")


def test_tasks_may_not_go_in_circles() -> None:
    team: dict[str, Agent] = {}
    a = ScriptedModel([begin("root")], "mine then", name="a")
    root = ScriptedModel([begin("a")], [wait(1)], "done")
    for name, model, other in (("root", root, "a"), ("a", a, "root")):
        team[name] = ModelAgent(name, model, toolsets=(BackgroundAgents(name, team),), sub_agents=(other,), team=team)
    run(team["root"])
    assert "already at work" in results(a)[0]


def test_an_agent_without_a_team_has_none_of_the_tools() -> None:
    model = ScriptedModel("done")
    team: dict[str, Agent] = {}
    team["root"] = ModelAgent("root", model, toolsets=(BackgroundAgents("root", team),), team=team)
    run(team["root"])
    assert not model.requests[0].tools
    assert model.requests[0].messages[0]["role"] == "user"


def test_the_prompt_says_how_to_wait() -> None:
    root = ScriptedModel("done")
    run(team_of(root, scripted("a")))
    assert "wait_background_agents once" in root.requests[0].messages[0]["content"]
    assert len(root.requests[0].tools) == 6


def interleaved() -> list[Event]:
    """Two tasks at once, each with a tool."""
    gates = {"a": threading.Event(), "b": threading.Event()}

    def tool(name: str) -> Callable[[], str]:
        def meet() -> str:
            gates[name].set()
            assert gates["b" if name == "a" else "a"].wait(5)
            return name

        return meet

    members = [
        scripted(name, [tool_call("meet")], name, toolsets=(FunctionToolset(name, [FunctionTool(tool(name))]),))
        for name in gates
    ]
    events = run(team_of(ScriptedModel([begin("a"), begin("b")], [wait(1, 2)], "done"), *members))
    return [event for event in events if not isinstance(event, str)]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_copes_with_tasks_at_the_same_time(mode: str) -> None:
    renderer = MODES[mode].renderer(50)
    pieces = [piece for event in interleaved() for piece in renderer.pieces(event)] + renderer.end()
    shown = [piece.value for piece in pieces if isinstance(piece, Extension)]
    if mode == "events":
        starts = [each for each in shown if each["type"] == "tool_start" and each["depth"] == 1]
        ends = [each for each in shown if each["type"] == "tool_end" and each["depth"] == 1]
        assert {each["agent"] for each in starts} == {each["agent"] for each in ends} == {"a", "b"}
        assert shown.index(starts[1]) < shown.index(ends[0])
    if mode == "openwebui":
        assert shown[-1]["data"]["done"] is True
    assert bool(pieces) == (mode != "none")
