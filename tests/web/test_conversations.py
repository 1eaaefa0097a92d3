"""Conversations that a request names: remembered, rewound, one turn at a time, and never half a turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from flask_agent_api.conversations.base import StoreUnavailable
from flask_agent_api.errors import ModelError
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import tool_call
from flask_agent_api.types import Message
from flask_agent_api.types import RunRequest
from tests.conversation_host import found
from tests.conversation_host import Host
from tests.conversation_host import look_up
from tests.conversation_host import says
from tests.conversation_host import user
from tests.task_requests import LIBRECHAT
from tests.task_requests import TEMPLATES

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_is_remembered_with_what_tools_found(stream: bool) -> None:
    host = Host(look_up("x", 1), "It is x.", "Yes.", "Sure.")
    host.ask("what?", stream=stream).get_data()
    response = host.ask("what?", says("It is x."), user("really?"), stream=stream)
    assert response.headers["X-Conversation-Id"] == "c1"
    assert (collect_sse(response.data).text if stream else response.json["choices"][0]["message"]["content"]) == "Yes."
    known = [user("what?"), *found("x", 1), says("It is x."), user("really?")]
    assert host.read() == known
    assert host.answer("lone") == "Sure."  # the client sends its history as a rule: this is another beginning
    assert host.read() == [user("lone")]


def test_a_client_may_leave_the_history_to_the_server() -> None:
    host = Host(look_up("x", 1), "one", "two", "three")
    assert [host.answer(text) for text in ("q1", "q2", "q1")] == ["one", "two", "three"]
    assert host.read() == [user("q1"), *found("x", 1), says("one"), user("q2"), says("two"), user("q1")]


def test_an_answer_is_made_anew_and_a_question_changed() -> None:
    host = Host("a1", "a2", "a2 again", "a3", "other")
    host.answer("q1")
    host.answer("q1", says("a1"), user("q2"))
    assert host.answer("q1", says("a1"), user("q2")) == "a2 again"
    assert host.answer("q1", says("a1"), user("q2"), says("a2 again"), user("q3")) == "a3"
    assert host.answer("q1", says("a1"), user("changed")) == "other"
    assert host.read() == [user("q1"), says("a1"), user("changed")]
    assert len(host.store.list("conversation")[0:]) == 1
    assert host.store.list("conversation")[0].entries == 2


def test_without_a_name_nothing_is_kept() -> None:
    host = Host("one", "two")
    host.answer("q1", id="")
    response = host.ask("q2", id="")
    assert host.read() == [user("q2")]
    assert "X-Conversation-Id" not in response.headers
    assert host.store.list("conversation") == []


def test_another_key_or_agent_has_another_conversation() -> None:
    host = Host("one", "two", "three", "four")
    host.answer("secret")
    host.answer("mine", key="bob")
    assert host.read() == [user("mine")]
    host.answer("mine", model="other")
    assert host.read() == [user("mine")]
    host.answer("go on")
    assert host.read() == [user("secret"), says("one"), user("go on")]


@pytest.mark.parametrize("id", ["a b", "ä", "x" * 129, "a/b", "a,b", "{{CHAT_ID}}", "a\u2028", "-\x7f"])
def test_an_id_is_checked(id: str) -> None:
    response = Host("one").ask("q", id=id)
    assert response.status_code == 400
    assert response.json is not None
    error = response.json["error"]
    assert (error["param"], error["code"]) == ("x-conversation-id", "invalid_conversation_id")
    assert id not in error["message"]


def test_other_headers_may_name_the_conversation() -> None:
    host = Host("one", "two", "three", "four")
    host.answer("q1", id="", headers={"X-OpenWebUI-Chat-Id": "chat"})
    host.answer("q2", id="chat")
    assert host.read() == [user("q1"), says("one"), user("q2")]
    host.answer("q3", id="new", headers={"X-OpenWebUI-Chat-Id": "chat"})
    assert len(host.read()) == 5
    own = Host("one", "two", conversation_headers="X-My-Chat")
    own.answer("q1", id="c1")
    assert own.store.list("conversation") == []
    own.answer("q1", id="", headers={"X-My-Chat": "c1"})
    assert len(own.store.list("conversation")) == 1


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        pytest.param(TEMPLATES["title_generation"], {}, id="by its form"),
        pytest.param(LIBRECHAT, {}, id="LibreChat's"),
        pytest.param("### Task:\nSomething that nobody knows yet", {}, id="unknown"),
        pytest.param("A title, please", {"X-Agent-Task": "title_generation"}, id="by its header"),
        pytest.param("Mix these", {"X-Agent-Task": "moa_response_generation"}, id="by an unknown header"),
    ],
)
@pytest.mark.parametrize("tasks", [True, False])
def test_auxiliary_requests_of_chat_uis_are_no_turns(text: str, headers: dict[str, str], tasks: bool) -> None:
    host = Host("one", '{"title": "T"}', "two", tasks=tasks)
    host.answer("q1")
    host.answer(text, headers=headers)
    host.answer("q2")
    assert host.read() == [user("q1"), says("one"), user("q2")]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("early", [False, True])
def test_a_failed_turn_leaves_the_conversation_as_it_was(stream: bool, early: bool) -> None:
    failing = ["half of "] if not early else []
    host = Host("one", [*failing, ModelError("down")], "two")
    host.answer("q1")
    failed = host.ask("q2", stream=stream)
    failed.get_data()
    assert failed.status_code == (502 if early or not stream else 200)
    assert host.answer("q3") == "two"
    assert host.read() == [user("q1"), says("one"), user("q3")]


class _Waits:
    """An agent that answers when it may."""

    name, description = "waits", ""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.may = threading.Semaphore(0)

    def run(self, request: RunRequest, ctx: object) -> Iterator[str]:
        self.asked.release()
        assert self.may.acquire(timeout=10)
        yield f"answer to {[message['content'] for message in request.messages]}"


def busy_host(**config: Any) -> tuple[Host, _Waits, threading.Thread, list[TestResponse]]:
    """A host with a run under way on conversation c1."""
    host, agent, answers = Host(**config), _Waits(), []
    host.api.registry.add(agent)
    thread = threading.Thread(target=lambda: answers.append(host.ask("q1", model="waits")))
    thread.start()
    assert agent.asked.acquire(timeout=10)
    return host, agent, thread, answers


def test_a_second_request_at_the_same_time_is_told_to_come_back() -> None:
    host, agent, thread, answers = busy_host()
    second = host.ask("q2", model="waits")
    assert second.status_code == 409
    assert second.headers["Retry-After"] == "1"
    assert second.json is not None
    assert second.json["error"]["code"] == "conversation_busy"
    agent.may.release(2)
    assert host.ask("q", model="waits", id="another").status_code == 200
    thread.join(10)
    assert answers[0].status_code == 200


def test_a_second_request_may_wait_for_its_turn() -> None:
    host, agent, thread, _ = busy_host(conversation_wait=10)
    agent.may.release(2)
    response = host.ask("q2", model="waits")
    assert response.json is not None
    assert "q1" in response.json["choices"][0]["message"]["content"]
    thread.join(10)


def test_a_conversation_that_is_deleted_meanwhile_does_not_come_back() -> None:
    host, agent, thread, answers = busy_host()
    [key] = [key for key in host.store._logs if key.kind == "conversation"]
    host.store.delete(key)
    agent.may.release()
    thread.join(10)
    assert answers[0].status_code == 409
    assert answers[0].json["error"]["code"] == "conversation_changed"
    assert host.store.list("conversation") == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_store_that_cannot_be_reached_is_said_before_any_work(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host("one")

    def down(*_: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(host.store, "lease", down)
    response = host.ask("q1", stream=stream)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert response.json is not None
    assert response.json["error"]["code"] == "store_unavailable"
    assert host.model.requests == []
    assert host.answer("q1", id="") == "one"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_not_kept_is_no_answer(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host("one", "two")

    def down(*_: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(host.store, "write", down)
        response = host.ask("q1", stream=stream)
        if stream:
            stream_ = collect_sse(response.data)
            assert stream_.error is not None
            assert stream_.error["code"] == "store_unavailable"
        else:
            assert (response.status_code, response.headers["X-Should-Retry"]) == (503, "false")
    host.answer("q2")
    assert host.read() == [user("q2")]


def test_calls_of_the_clients_tools_are_turns_as_well() -> None:
    host = Host(look_up("x", 1), [tool_call("weather", city="Köln")], "Rain.", "Bye.")
    response = host.ask("weather?", tools=[WEATHER])
    assert response.json is not None
    message = response.json["choices"][0]["message"]
    [call] = message["tool_calls"]
    result = {"role": "tool", "tool_call_id": call["id"], "content": "rain"}
    assert host.answer(user("weather?"), message, result, tools=[WEATHER]) == "Rain."
    own = {"role": "assistant", "content": None, "tool_calls": [call]}
    assert host.read() == [user("weather?"), *found("x", 1), own, result]
    assert host.answer("weather?", message, result, says("Rain."), user("bye"), tools=[WEATHER]) == "Bye."
    assert host.read() == [user("weather?"), *found("x", 1), own, result, says("Rain."), user("bye")]


def test_an_answer_that_fails_its_check_is_not_kept() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    host = Host("nonsense", '{"a": 1}', "two")
    failed = host.ask("q1", response_format=wanted)
    assert failed.status_code == 502
    assert host.answer("q2", response_format=wanted) == '{"a": 1}'
    host.answer("q3")
    assert host.read() == [user("q2"), says('{"a": 1}'), user("q3")]


def test_a_full_conversation_is_said_to_be_so() -> None:
    host = Host("one", "two", "three", conversation_max_turns=2)
    for text in ("q1", "q2"):
        host.answer(text)
    full = host.ask("q3")
    assert full.status_code == 400
    assert full.json is not None
    assert full.json["error"]["code"] == "conversation_full"
    large = Host("x" * 3000, "two", conversation_max_bytes=2000)
    large.answer("q1")
    assert large.ask("q2").status_code == 400


def test_a_conversation_ends_by_age_and_when_it_is_not_used() -> None:
    host = Host("one", "two", "three", conversation_max_age=0.2, conversation_ttl=3600)
    host.answer("q1")
    threading.Event().wait(0.3)
    host.answer("q2")
    assert host.read() == [user("q2")]
    unused = Host("one", "two", conversation_ttl=0.2)
    unused.answer("q1")
    threading.Event().wait(0.3)
    unused.answer("q2")
    assert unused.read() == [user("q2")]


def test_an_agent_in_python_gets_the_whole_conversation() -> None:
    host = Host()

    @host.api.agent("echo")
    def echo(messages: list[Message]) -> Iterator[str]:
        yield f"{len(messages)} "
        yield "messages"

    assert [host.answer(text, model="echo") for text in ("a", "b")] == ["1 messages", "3 messages"]


def test_many_calls_of_a_tool_keep_their_providers_own_fields() -> None:
    """What a provider wants back with its calls goes back in the next turn, too."""
    call = ToolCallDelta(0, "call_1", "look", '{"what": "x"}', {"extra_content": {"signature": "s"}})
    host = Host([call], "one", "two")
    host.answer("q1")
    host.answer("q2")
    assert host.read()[1]["tool_calls"][0]["extra_content"] == {"signature": "s"}
