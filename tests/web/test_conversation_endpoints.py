"""What callers see of their conversations, delete of them, and never see of others'."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from flask_agent_api.conversations import answers
from flask_agent_api.conversations import client_turns
from flask_agent_api.conversations.base import StoreUnavailable
from flask_agent_api.conversations.base import Write
from flask_agent_api.conversations.conversation import KIND
from flask_agent_api.testing import tool_call
from flask_agent_api.types import Message
from flask_agent_api.types import RunRequest
from flask_agent_api.web.answers import ConversationList
from flask_agent_api.web.answers import DeletedConversation
from flask_agent_api.web.answers import WholeConversation
from tests.conversation_host import found
from tests.conversation_host import Host
from tests.conversation_host import KEYS
from tests.conversation_host import look_up
from tests.conversation_host import says
from tests.conversation_host import user
from tests.waiting import wait_until

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def call(host: Host, method: str, path: str = "", key: str = "alice") -> TestResponse:
    headers = {"Authorization": f"Bearer {KEYS[key]}"}
    return host.client.open(f"/v1/conversations{path}", method=method, headers=headers)


def get(host: Host, path: str = "", **kwargs: Any) -> Any:
    response = call(host, "GET", path, **kwargs)
    assert response.status_code == 200, response.text
    return response.json


def error(response: TestResponse) -> tuple[int, str, str]:
    assert response.json is not None
    told = response.json["error"]
    return response.status_code, told["code"], told["param"]


GONE = (404, "conversation_not_found", "conversation_id")


def host_with(*ids: str, **config: Any) -> Host:
    """A host that has had a turn in each conversation, in this order."""
    host = Host(*["answer"] * len(ids), **config)
    for id in ids:
        host.answer("q", id=id)
    return host


def test_the_list_has_what_is_known_without_reading_any(monkeypatch: pytest.MonkeyPatch) -> None:
    host = host_with("a", "b")
    monkeypatch.setattr(host.store, "read", None)
    answer = call(host, "GET").get_data()
    listed = ConversationList.model_validate_json(answer, strict=True)
    assert [(each.id, each.model, each.turns) for each in listed.data] == [("b", "root", 1), ("a", "root", 1)]
    [first, _] = listed.data
    [kept, _] = host.store.list(KIND)
    assert (first.bytes, first.created_at, first.updated_at) == (kept.size, int(kept.created), int(kept.used))
    assert (listed.first_id, listed.last_id, listed.has_more) == ("b", "a", False)


def test_who_has_no_conversation_gets_an_empty_list() -> None:
    empty = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert get(host_with("a"), key="bob") == empty


def pages(host: Host, query: str) -> list[list[tuple[str, str]]]:
    read: list[list[tuple[str, str]]] = []
    after = ""
    while True:
        page = get(host, f"?{query}{after}")
        read.append([(each["id"], each["model"]) for each in page["data"]])
        if not page["has_more"]:
            return read
        after = f"&after={page['last_id']}"
        assert len(read) < 20


def test_pages_follow_each_other() -> None:
    host = host_with(*"abcde")
    assert [[id for id, _ in page] for page in pages(host, "limit=2")] == [["e", "d"], ["c", "b"], ["a"]]
    assert [len(page) for page in pages(host, "limit=5")] == [5]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_pages_tell_conversations_of_one_id_apart(limit: int) -> None:
    host = host_with("x", "y")
    keep(host, "x", "other")
    keep(host, "z", "old/one")
    keep(host, "x", "old/one")
    listed = [each for page in pages(host, f"limit={limit}") for each in page]
    assert listed == [("x", "old/one"), ("z", "old/one"), ("x", "other"), ("y", "root"), ("x", "root")]


def keep(host: Host, id: str, agent: str) -> None:
    """A conversation with an agent that is not served any more, perhaps."""
    info = next(info for info in host.store.list(KIND) if info.key.agent == "root")
    key = replace(info.key, agent=agent, id=id)
    log = host.store.lease(key, "test", 30)
    host.store.write(key, "test", Write(log.revision, 0, host.store.read(info.key).entries, 3600))


def test_the_list_can_be_that_of_one_agent() -> None:
    host = host_with("a", "b")
    keep(host, "c", "other")
    keep(host, "d", "gone")
    assert [each["id"] for each in get(host, "?model=other")["data"]] == ["c"]
    assert [each["id"] for each in get(host, "?model=gone")["data"]] == ["d"]
    assert get(host, "?model=nobody")["data"] == []
    assert [each["id"] for each in get(host, "?model=root:reasoning")["data"]] == ["b", "a"]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "", "1e1", "\uff19", "1" * 50])
def test_a_wrong_limit_is_said_to_be_one(limit: str) -> None:
    assert error(call(host_with("a"), "GET", f"?limit={limit}")) == (400, "invalid_value", "limit")


def test_a_place_that_is_not_in_the_list_is_said_not_to_be() -> None:
    host = host_with("a")
    assert error(call(host, "GET", "?after=b")) == (400, "invalid_value", "after")
    assert error(call(host, "GET", "?after=a", key="bob")) == (400, "invalid_value", "after")


def test_one_is_shown_with_what_the_client_has_of_it() -> None:
    host = Host(look_up("x", 1), "It is x.", "Yes.")
    host.ask({"role": "system", "content": "Be kind."}, user("what?"))
    host.ask("really?")
    whole = WholeConversation.model_validate_json(call(host, "GET", "/c1").get_data(), strict=True)
    system = {"role": "system", "content": "Be kind."}
    assert whole.messages == [system, user("what?"), says("It is x."), user("really?"), says("Yes.")]
    [listed] = get(host)["data"]
    assert {**listed, "messages": whole.messages} == get(host, "/c1")
    everything = get(host, "/c1?include=tool_calls")["messages"]
    assert everything == [system, user("what?"), *found("x", 1), says("It is x."), user("really?"), says("Yes.")]
    assert get(host, "/c1?include[]=tool_calls")["messages"] == everything
    assert error(call(host, "GET", "/c1?include=secrets")) == (400, "invalid_value", "include")


FUNCTION = {"name": "weather", "parameters": {"type": "object"}}


@pytest.mark.parametrize("fields", [{"tools": [WEATHER]}, {"functions": [FUNCTION]}], ids=["tools", "functions"])
def test_a_client_can_go_on_with_what_it_is_shown(fields: dict[str, Any]) -> None:
    host = Host(look_up("x", 1), [tool_call("weather", city="Köln")], "Rain.", "Bye.")
    host.ask("weather?", **fields)
    shown = get(host, "/c1")["messages"]
    last = shown[-1]
    assert ("tool_calls" in last) == ("tools" in fields)
    if "tools" in fields:
        result: Message = {"role": "tool", "tool_call_id": last["tool_calls"][0]["id"], "content": "rain"}
    else:
        result = {"role": "function", "name": last["function_call"]["name"], "content": "rain"}
    assert host.answer(*shown, result, **fields) == "Rain."
    assert host.answer(*get(host, "/c1")["messages"], user("bye"), **fields) == "Bye."
    [kept] = host.store.list(KIND)
    assert kept.entries == 3, "each request went on with all that was kept"
    assert get(host, "/c1")["messages"][-2:] == [user("bye"), says("Bye.")]


def test_of_several_agents_the_default_is_shown_or_the_one_that_is_named() -> None:
    host = host_with("x")
    keep(host, "x", "other")
    keep(host, "x", "gone")
    assert get(host, "/x")["model"] == "root"
    assert get(host, "/x?model=other")["model"] == "other"
    assert get(host, "/x?model=gone")["model"] == "gone"
    assert get(host, "/x?model=gpt-4")["model"] == "root"
    keep(host, "y", "other")
    assert get(host, "/y")["model"] == "other"
    assert error(call(host, "GET", "/y?model=root")) == GONE


def test_the_choice_is_named_where_it_is_not_clear() -> None:
    host = Host("answer")
    host.api.agent("third")(lambda messages: "hi")
    host.answer("q", id="x")
    keep(host, "y", "other")
    keep(host, "y", "third")
    response = call(host, "GET", "/y")
    assert error(response) == (400, "conversation_ambiguous", "model")
    assert response.json is not None
    assert response.json["error"]["message"].endswith("other, third")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("query", ["", "?model=root", "?model=nobody", "?model=other"])
def test_of_others_nobody_learns_anything(method: str, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = host_with("hers")
    asked: list[tuple[str, str]] = []
    for name in ("read", "delete", "list"):
        real = getattr(host.store, name)

        def noted(*args: Any, _name: str = name, _real: Any = real) -> Any:
            asked.append((_name, getattr(args[0], "agent", "")))
            return _real(*args)

        monkeypatch.setattr(host.store, name, noted)
    theirs = call(host, method, f"/hers{query}", key="bob")
    work, asked[:] = list(asked), []
    nobodys = call(host, method, f"/nope{query}", key="bob")
    assert error(theirs) == error(nobodys) == GONE
    assert theirs.json == nobodys.json
    assert work == asked
    assert call(host, "GET", "/hers").status_code == 200
    assert get(host, key="bob")["data"] == []
    assert host.client.open("/v1/conversations/hers", method=method).status_code == 401


@pytest.mark.parametrize("id", ["a b", "%C3%A4", "x" * 129, "%00", "a%0Ab"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_id_is_checked(method: str, id: str) -> None:
    response = call(host_with("a"), method, f"/{id}")
    assert error(response) == (400, "invalid_conversation_id", "conversation_id")


def test_deleted_is_forgotten() -> None:
    host = host_with("a", "b")
    answer = call(host, "DELETE", "/a")
    DeletedConversation.model_validate_json(answer.get_data(), strict=True)
    assert answer.json == {"id": "a", "object": "conversation.deleted", "deleted": True}
    assert error(call(host, "GET", "/a")) == GONE
    assert error(call(host, "DELETE", "/a")) == GONE
    assert [each["id"] for each in get(host)["data"]] == ["b"]


def test_all_of_an_id_are_deleted_or_that_with_one_agent() -> None:
    host = host_with("x", "y")
    keep(host, "x", "other")
    assert call(host, "DELETE", "/x").status_code == 200
    assert [each["id"] for each in get(host)["data"]] == ["y"]
    keep(host, "y", "other")
    keep(host, "y", "gone")
    assert call(host, "DELETE", "/y?model=gone").status_code == 200
    assert call(host, "DELETE", "/y?model=other").status_code == 200
    assert [(each["id"], each["model"]) for each in get(host)["data"]] == [("y", "root")]


def test_what_waited_for_the_clients_tools_is_deleted_as_well() -> None:
    host = Host(look_up("x", 1), [tool_call("weather", city="Köln")], "unrelated")
    host.ask("weather?", tools=[WEATHER])
    assert len(host.store.list(client_turns.KIND)) == 1
    assert call(host, "DELETE", "/c1").status_code == 200
    assert host.store.list(client_turns.KIND) == []


@pytest.mark.parametrize("stream", [False, True])
def test_answers_that_would_be_repeated_are_deleted_as_well(stream: bool) -> None:
    host = Host("one", "two", "anew")
    for id, text in (("c1", "q1"), ("c2", "q2")):
        host.ask(text, id=id, stream=stream, headers={"Idempotency-Key": text}).get_data()
    wait_until(lambda: len(host.store.list(answers.KIND)) == 2 and not is_leased(host))
    assert call(host, "DELETE", "/c1").status_code == 200
    assert [info.key.id for info in host.store.list(answers.KIND)] == ["q2"]
    again = host.ask("q1", stream=stream, headers={"Idempotency-Key": "q1"})
    assert b"anew" in again.get_data()


def is_leased(host: Host) -> bool:
    return any(host.store.read(info.key).leased for info in host.store.list(answers.KIND))


class _Waits:
    """An agent that answers when it may."""

    name, description = "waits", ""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.may = threading.Event()

    def run(self, request: RunRequest, ctx: object) -> Iterator[str]:
        self.asked.set()
        assert self.may.wait(10)
        yield "answer"


def test_a_conversation_is_deleted_while_a_run_is_at_work_on_it() -> None:
    host, agent, answers = Host(), _Waits(), []
    host.api.registry.add(agent)
    thread = threading.Thread(target=lambda: answers.append(host.ask("q1", model="waits")))
    thread.start()
    assert agent.asked.wait(10)
    assert error(call(host, "GET", "/c1")) == GONE, "there is no turn yet"
    assert error(call(host, "DELETE", "/c1", key="bob")) == GONE
    assert call(host, "DELETE", "/c1").status_code == 200
    agent.may.set()
    wait_until(lambda: not thread.is_alive())
    assert error(answers[0])[:2] == (409, "conversation_changed")
    assert get(host)["data"] == []


def test_where_none_are_kept_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    host = host_with("a", conversation_headers="")
    monkeypatch.setattr(type(host.service), "store", property(lambda self: pytest.fail("the store was opened")))
    assert get(host)["data"] == []
    assert error(call(host, "GET", "/a")) == GONE
    assert error(call(host, "DELETE", "/a")) == GONE


def test_a_store_that_cannot_be_reached_is_said_not_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    host = host_with("a")

    def down(*_: object) -> None:
        raise StoreUnavailable

    for name in ("list", "read"):
        monkeypatch.setattr(host.store, name, down)
    for method, path in (("GET", ""), ("GET", "/a"), ("DELETE", "/a")):
        response = call(host, method, path)
        assert error(response)[:2] == (503, "store_unavailable")
        assert response.headers["Retry-After"] == "5"


def test_other_methods_are_told_which_there_are() -> None:
    host = host_with("a")
    assert call(host, "POST").headers["Allow"] == "GET, HEAD, OPTIONS"
    response = call(host, "POST", "/a")
    assert error(response)[0] == 405
    assert response.headers["Allow"] == "GET, DELETE, HEAD, OPTIONS"
    assert call(host, "OPTIONS", "/a").status_code == 204


def test_a_turn_that_cannot_be_read_ends_what_is_shown() -> None:
    host = host_with("a")
    [info] = host.store.list(KIND)
    log = host.store.lease(info.key, "test", 30)
    host.store.write(info.key, "test", Write(log.revision, 1, [b"{", *log.entries], 3600))
    assert get(host, "/a")["messages"] == [user("q"), says("answer")]
    assert call(host, "DELETE", "/a").status_code == 200
