from __future__ import annotations

import pytest

from flask_agent_api.conversations import client_turns
from flask_agent_api.conversations.client_turns import AgentTurns
from flask_agent_api.conversations.client_turns import MemoryClientTurns
from flask_agent_api.types import Message


def turn(text: str) -> list[Message]:
    return [{"role": "assistant", "content": text}]


def test_a_turn_is_found_by_any_of_its_calls_again_and_again() -> None:
    store = MemoryClientTurns()
    messages = turn("one")
    store.save("p", "a", ["c1", "c2"], messages)
    messages[0]["content"] = "changed later"
    for ids in (["c1"], ["c2"], ["c2", "c1"]):
        assert store.find("p", "a", ids) == turn("one")
    found = store.find("p", "a", ["c1"])
    assert found is not None
    found[0]["content"] = "changed by a reader"
    assert store.find("p", "a", ["c1"]) == turn("one")


@pytest.mark.parametrize("ids", [[], ["c3"], ["c1", "c3"], ["c3", "c1"], ["c1", "other"]])
def test_calls_that_are_not_all_of_one_turn_find_nothing(ids: list[str]) -> None:
    store = MemoryClientTurns()
    store.save("p", "a", ["c1", "c2"], turn("one"))
    store.save("p", "a", ["other"], turn("two"))
    assert store.find("p", "a", ids) is None


def test_turns_belong_to_one_principal_and_one_agent() -> None:
    store = MemoryClientTurns()
    AgentTurns(store, "alice", "root").save(["c1"], turn("secret"))
    assert AgentTurns(store, "alice", "root").find(["c1"]) == turn("secret")
    assert AgentTurns(store, "bob", "root").find(["c1"]) is None
    assert AgentTurns(store, "alice", "other").find(["c1"]) is None


def test_the_turn_that_was_unused_the_longest_goes_first() -> None:
    store = MemoryClientTurns(max_turns=2)
    store.save("p", "a", ["1"], turn("1"))
    store.save("p", "a", ["2"], turn("2"))
    assert store.find("p", "a", ["1"])
    store.save("p", "a", ["3"], turn("3"))
    assert [store.find("p", "a", [id]) is not None for id in "123"] == [True, False, True]
    assert len(store) == 2


def test_bytes_are_bounded_and_freed() -> None:
    store = MemoryClientTurns(max_bytes=1000)
    for number in range(50):
        store.save("p", "a", [f"x{number}", f"y{number}"], turn("x" * 300))
    assert len(store) == 2
    assert [number for number in range(50) if store.find("p", "a", [f"x{number}"])] == [48, 49]
    store.save("p", "a", ["huge"], turn("x" * 1000))
    assert store.find("p", "a", ["huge"]) is None
    assert store.find("p", "a", ["y49"]), "what is too large to keep pushes nothing out"
    store.save("p", "a", ["large"], turn("x" * 900))
    assert len(store) == 1


def test_the_same_call_saved_again_replaces_its_turn() -> None:
    store = MemoryClientTurns()
    store.save("p", "a", ["c1", "c2"], turn("old"))
    store.save("p", "a", ["c2", "c3"], turn("new"))
    assert len(store) == 1
    assert store.find("p", "a", ["c1"]) is None
    assert store.find("p", "a", ["c2"]) == turn("new")


def test_a_turn_is_forgotten_when_nobody_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(client_turns.time, "monotonic", lambda: now)
    store = MemoryClientTurns(ttl_seconds=60)
    store.save("p", "a", ["used"], turn("used"))
    store.save("p", "a", ["unused"], turn("unused"))
    now += 50
    assert store.find("p", "a", ["used"])
    now += 50
    assert store.find("p", "a", ["unused"]) is None
    assert store.find("p", "a", ["used"]) == turn("used")
    assert len(store) == 1
