"""What a caller may use: agents, also those of a team that work for him, tools, and modes of activity."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask import Request
from flask.testing import FlaskClient

from flask_agent_api import AgentAPI
from flask_agent_api import ModelAgent
from flask_agent_api import Principal
from flask_agent_api.allowance import Allowance
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.runtime.background_agents import BackgroundAgents
from flask_agent_api.runtime.command import Command
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from tests.support import chunks
from tests.support import QUESTION

CHAT = "/v1/chat/completions"


def look() -> str:
    return "seen"


class Host:
    """An app whose login says what each caller may use, and a team: ``root`` has two others work for it."""

    def __init__(self, *replies: Any, **root: Any) -> None:
        self.allowance = Allowance()
        self.clerk = ScriptedModel("clerk was here", name="clerk")
        self.model = ScriptedModel(*replies, name="root")
        team: dict[str, Any] = {}
        looking = FunctionToolset("looking", [FunctionTool(look)])
        team["clerk"] = ModelAgent("clerk", self.clerk, team=team)
        background = BackgroundAgents("root", team)
        team["root"] = ModelAgent(
            "root", self.model, team=team, sub_agents=("clerk",), handoffs=("clerk",), toolsets=(looking, background),
            **root,
        )  # fmt: skip
        app = Flask("host")
        AgentAPI(app, agents=[team["root"], team["clerk"]], authenticate=self.authenticate)
        self.client: FlaskClient = app.test_client()

    def authenticate(self, request: Request) -> Principal:
        return Principal("ada", allowance=self.allowance)

    def ask(self, **fields: Any) -> Any:
        return self.client.post(CHAT, json={**QUESTION, **fields})

    def result(self) -> str:
        """What the root's model read as the result of its first tool call."""
        return str(self.model.requests[1].messages[-1]["content"])


WAYS = {
    "a task": tool_call("transfer_task", agent="clerk", task="t", expected_output=""),
    "a task in the background": tool_call("run_background_agent", agent="clerk", task="t"),
    "a handoff": tool_call("handoff", agent="clerk"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("agents", [("root",), ("r*",), ("root", "Clerk")])
def test_no_other_agent_works_for_who_may_not_use_it(way: str, agents: tuple[str, ...]) -> None:
    host = Host([WAYS[way]], "I did it myself")
    host.allowance = Allowance(agents=agents)
    assert host.ask().get_json()["choices"][0]["message"]["content"] == "I did it myself"
    assert "not allowed for this user" in host.result()
    assert host.clerk.requests == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("agents", [None, ("root", "clerk"), ("*",)])
def test_agents_that_may_be_used_work_as_ever(way: str, agents: tuple[str, ...] | None) -> None:
    wait = tool_call("wait_background_agents", task_ids=["agent_task_1"])
    host = Host([WAYS[way]], [wait], "done")
    host.allowance = Allowance(agents=agents)
    assert host.ask().status_code == 200
    assert len(host.clerk.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_fixed_order_ends_at_who_may_not_be_used(stream: bool) -> None:
    host = Host("my part", force_handoff="clerk")
    host.allowance = Allowance(agents=("root",))
    response = host.ask(stream=stream)
    assert '"code":"agent_not_allowed"' in response.text.replace(" ", "")
    assert host.clerk.requests == []


def test_command_of_another_agent_is_refused() -> None:
    host = Host(commands={"ask": Command(agent="clerk")})
    host.allowance = Allowance(agents=("root",))
    response = host.ask(messages=[{"role": "user", "content": "/ask something"}])
    assert (response.status_code, response.get_json()["error"]["code"]) == (403, "agent_not_allowed")
    assert host.clerk.requests == []


def test_only_usable_agents_are_listed_and_others_look_like_none() -> None:
    host = Host("from root")
    host.allowance = Allowance(agents=("clerk",))
    assert [model["id"] for model in host.client.get("/v1/models").get_json()["data"]] == ["clerk"]
    missing = host.client.get("/v1/models/nobody").get_json()["error"]
    forbidden = host.client.get("/v1/models/root").get_json()["error"]
    assert forbidden == {**missing, "message": missing["message"].replace("nobody", "root")}
    assert host.client.get("/v1/models/clerk:reasoning").status_code == 200


@pytest.mark.parametrize("model", ["root", "gpt-4", "root:none", ""])
def test_default_agent_is_the_first_that_may_be_used(model: str) -> None:
    host = Host()
    host.allowance = Allowance(agents=("clerk",))
    response = host.ask(model=model)
    assert response.headers["X-Agent"] == "clerk"
    assert host.model.requests == []


def test_with_unknown_models_refused_a_forbidden_one_is_unknown() -> None:
    host = Host()
    host.allowance = Allowance(agents=())
    assert host.ask(model="root").get_json()["error"]["code"] == "model_not_found"
    assert host.client.get("/v1/models").get_json()["data"] == []


@pytest.mark.parametrize(
    ("tools", "runs"), [(None, True), (("look",), True), (("l*",), True), (("python:*:look",), True), ((), False)]
)
def test_tools_that_no_rule_is_about_are_denied(tools: tuple[str, ...] | None, runs: bool) -> None:
    host = Host([tool_call("look")], "done")
    host.allowance = Allowance(tools=tools)
    assert host.ask().status_code == 200
    assert (host.result() == "seen") is runs
    assert ("not allowed for this user" in host.result()) is not runs


@pytest.mark.parametrize("call", WAYS.values())
def test_tools_of_a_caller_say_nothing_about_who_works_for_him(call: ToolCallDelta) -> None:
    host = Host([call], [tool_call("wait_background_agents", task_ids=["agent_task_1"])], "done")
    host.allowance = Allowance(tools=())
    assert host.ask().status_code == 200
    assert len(host.clerk.requests) == 1


def test_rules_of_a_caller_do_not_allow_what_others_deny() -> None:
    app = Flask("host")
    app.config["AGENT_API_PERMISSIONS"] = {"deny": ["look"]}
    model = ScriptedModel([tool_call("look")], "done")
    agent = ModelAgent("root", model, toolsets=(FunctionToolset("looking", [FunctionTool(look)]),))
    AgentAPI(app, agents=agent, authenticate=lambda request: Principal("ada", allowance=Allowance(tools=("*",))))
    assert app.test_client().post(CHAT, json=QUESTION).status_code == 200
    assert "not allowed here" in str(model.requests[1].messages[-1]["content"])


@pytest.mark.parametrize(
    ("modes", "asked", "status"),
    [
        (None, "details", 200), (("events",), "events", 200), (("events",), "details", 403), (("events",), "none", 200),
        ((), "events", 403), ((), "none", 200), ((), None, 200), (("details", "tags"), None, 200),
    ],
)  # fmt: skip
def test_modes_that_a_caller_may_ask_for(modes: tuple[str, ...] | None, asked: str | None, status: int) -> None:
    host = Host([tool_call("look")], "done")
    host.allowance = Allowance(tool_activity=modes)
    response = host.ask(**({"tool_activity": asked} if asked else {}))
    assert response.status_code == status
    if status == 403:
        error = response.get_json()["error"]
        assert error["param"] == "tool_activity"
        assert error["message"].endswith("you may have " + ", ".join([*(modes or ()), "none"]))


@pytest.mark.parametrize(
    ("modes", "shown"), [(("details",), "<details"), (("tags", "details"), "<tool_call_info"), ((), "done")]
)
def test_who_may_not_have_the_agents_own_mode_gets_his_first(modes: tuple[str, ...], shown: str) -> None:
    host = Host([tool_call("look")], "done")
    host.allowance = Allowance(tool_activity=modes)
    stream = chunks(host.ask(stream=True).data)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text.strip().startswith(shown)
    assert not any(getattr(chunk, "agent_event", None) for chunk in stream)


def test_rule_that_names_no_tool_is_an_error_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="names no tool"):
        Allowance(tools=(":cmd=ls",))
