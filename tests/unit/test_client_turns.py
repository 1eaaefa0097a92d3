"""Turns that wait for the client's tools, kept under the ids of the calls."""

from __future__ import annotations

import logging

import pytest

from flask_agent_api.conversations import client_turns
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.base import StoreUnavailable
from flask_agent_api.conversations.base import Write
from flask_agent_api.conversations.client_turns import AgentTurns
from flask_agent_api.conversations.memory import MemoryStore
from flask_agent_api.types import Message


def turn(text: str) -> list[Message]:
    return [{"role": "assistant", "content": text}]


def turns(store: MemoryStore, principal: str = "alice", agent: str = "root") -> AgentTurns:
    return AgentTurns(lambda: store, principal, agent)


def test_a_turn_is_found_by_any_of_its_calls_again_and_again() -> None:
    store = MemoryStore()
    messages = turn("one")
    turns(store).save(["c1", "c2", "c3"], messages)
    messages[0]["content"] = "changed later"
    reader = turns(store)
    for ids in (["c1"], ["c2"], ["c3"], ["c2", "c1"]):
        assert reader.find(ids) == turn("one")
    found = reader.find(["c1"])
    assert found is not None
    found[0]["content"] = "changed by a reader"
    assert reader.find(["c1"]) == turn("one")


@pytest.mark.parametrize("ids", [[], ["c3"], ["c1", "c3"], ["c3", "c1"], ["c1", "other"]])
def test_calls_that_are_not_all_of_one_turn_find_nothing(ids: list[str]) -> None:
    store = MemoryStore()
    turns(store).save(["c1", "c2"], turn("one"))
    turns(store).save(["other"], turn("two"))
    assert turns(store).find(ids) is None


def test_turns_belong_to_one_principal_and_one_agent() -> None:
    store = MemoryStore()
    turns(store).save(["c1"], turn("secret"))
    assert turns(store).find(["c1"]) == turn("secret")
    assert turns(store, principal="bob").find(["c1"]) is None
    assert turns(store, agent="other").find(["c1"]) is None


def test_without_calls_or_with_too_much_to_keep_nothing_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    turns(store).save([], turn("none"))
    with caplog.at_level(logging.WARNING):
        turns(store).save(["huge"], turn("x" * client_turns.MAX_BYTES))
    assert store.list(client_turns.KIND) == []
    assert "too long to be kept" in caplog.text


def test_the_same_call_saved_again_replaces_its_turn() -> None:
    store = MemoryStore()
    turns(store).save(["c1", "c2"], turn("old"))
    turns(store).save(["c2", "c3"], turn("new"))
    assert turns(store).find(["c1"]) == turn("old")
    assert turns(store).find(["c2"]) == turn("new")


class _Down(MemoryStore):
    def lease(self, *_: object) -> None:  # type: ignore[override]
        raise StoreUnavailable

    def read(self, *_: object) -> None:  # type: ignore[override]
        raise StoreUnavailable


def test_a_store_that_is_down_is_as_good_as_one_that_forgot(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        turns(_Down()).save(["c1"], turn("one"))
        assert turns(_Down()).find(["c1"]) is None
    assert [record.message for record in caplog.records] == [
        "a turn of agent root that waits for the client's tools is not kept",
        "what agent root did before the client's tools cannot be read",
    ]


def test_an_entry_that_cannot_be_read_is_as_good_as_none() -> None:
    store, key = MemoryStore(), LogKey(client_turns.KIND, "alice", "root", "c1")
    store.lease(key, "x", 30)
    store.write(key, "x", Write(0, 0, [b"{nonsense"], 60))
    assert turns(store).find(["c1"]) is None
