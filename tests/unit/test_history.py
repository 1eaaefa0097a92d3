from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest

from flask_agent_api.runtime.history import NO_RESULT
from flask_agent_api.runtime.history import readable
from flask_agent_api.types import Message

USER: Message = {"role": "user", "content": "hi"}


def call(id: str, name: str = "look", arguments: str = "{}") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def asks(*calls: dict[str, Any], content: str | None = None) -> Message:
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def result(id: str, content: str = "seen") -> Message:
    return {"role": "tool", "tool_call_id": id, "content": content}


def nothing_kept(ids: Sequence[str]) -> None:
    return None


def answerable(messages: Sequence[Message]) -> bool:
    """Whether providers take these: every call is followed by its one result, and no result stands elsewhere."""
    rest = list(messages)
    while rest:
        message = rest.pop(0)
        if message["role"] in {"tool", "function"} or "function_call" in message:
            return False
        for each in message.get("tool_calls", ()):
            if not rest or rest[0]["role"] != "tool" or rest.pop(0)["tool_call_id"] != each["id"]:
                return False
    return True


def test_a_history_without_tools_is_left_alone() -> None:
    messages = [{"role": "system", "content": "s"}, USER, {"role": "assistant", "content": "a"}, USER]
    assert readable(messages, nothing_kept) == messages


def test_a_complete_history_stays_as_it_is() -> None:
    messages = [USER, asks(call("a"), call("b"), content="Let me see"), result("a"), result("b"), USER]
    assert readable(messages, nothing_kept) == messages


def test_results_follow_their_calls_in_the_order_of_the_calls() -> None:
    messages = [USER, asks(call("a"), call("b")), result("b", "B"), USER, result("a", "A")]
    assert readable(messages, nothing_kept) == [
        USER,
        asks(call("a"), call("b")),
        result("a", "A"),
        result("b", "B"),
        USER,
    ]


def test_a_call_without_a_result_gets_one() -> None:
    assert readable([USER, asks(call("a")), USER], nothing_kept) == [
        USER,
        asks(call("a")),
        result("a", NO_RESULT),
        USER,
    ]


def test_a_result_without_a_call_becomes_text() -> None:
    messages = readable([USER, result("lost", "42 degrees"), result("empty", "")], nothing_kept)
    assert messages == [USER, {"role": "user", "content": "The result of an earlier tool call:\n42 degrees"}]


def test_a_second_result_of_a_call_is_left_out() -> None:
    messages = [USER, asks(call("a")), result("a", "1"), result("a", "no such tool")]
    assert readable(messages, nothing_kept) == messages[:-1]


def test_ids_may_be_used_again_by_a_later_turn() -> None:
    messages = [asks(call("a")), result("a", "1"), asks(call("a")), result("a", "2")]
    assert readable(messages, nothing_kept) == messages


def test_an_empty_result_says_so() -> None:
    assert readable([asks(call("a")), result("a", "")], nothing_kept)[1]["content"] == "(no output)"


def test_legacy_calls_and_results_become_modern_ones() -> None:
    messages = [
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": '{"a": 1}'}},
        {"role": "function", "name": "look", "content": "seen"},
    ]
    _, asked, answered = readable(messages, nothing_kept)
    (made,) = asked["tool_calls"]
    assert made["function"] == {"name": "look", "arguments": '{"a": 1}'}
    assert (answered["role"], answered["tool_call_id"], answered["content"]) == ("tool", made["id"], "seen")
    assert "function_call" not in asked


def test_what_a_provider_would_not_read_is_mended() -> None:
    calls: list[dict[str, Any]] = [
        {"id": "a", "function": {"name": "look", "arguments": {"x": 1}}, "index": 0},
        {"id": "b", "type": "custom", "custom": {"name": "patch", "input": "diff"}},
        {"id": "c", "type": "function", "function": {"name": "look"}},
        {"id": 5, "function": {"name": "look"}},
        {"function": {"name": "look"}},
        {"id": "d", "function": None},
        {},
    ]
    asked, *results = readable([asks(*calls)], nothing_kept)
    assert asked["tool_calls"] == [call("a", "look", '{"x": 1}'), call("b", "patch", '{"input": "diff"}'), call("c")]
    assert [each["tool_call_id"] for each in results] == ["a", "b", "c"]


def test_an_assistant_message_without_a_readable_call_is_text() -> None:
    assert readable([asks({"id": ""}), USER], nothing_kept) == [{"role": "assistant", "content": ""}, USER]


KEPT = [
    asks(call("own", "token")),
    result("own", "the token is 7"),
    asks(call("mine"), call("own2", "token"), call("mine2"), content="text"),
    result("own2", "8"),
]


def find(ids: Sequence[str]) -> list[Message] | None:
    return [dict(message) for message in KEPT] if set(ids) <= {"mine", "mine2"} else None


def test_a_kept_turn_stands_where_its_last_message_stood() -> None:
    messages = readable([USER, asks(call("mine"), call("mine2")), result("mine2", "2"), result("mine", "1")], find)
    expected = [USER, *KEPT[:3], result("mine", "1"), result("own2", "8"), result("mine2", "2")]
    assert messages == expected


def test_a_kept_turn_has_a_result_for_every_call() -> None:
    messages = readable([USER, asks(call("mine")), result("mine", "1"), USER], find)
    assert messages == [USER, *KEPT[:3], result("mine", "1"), result("own2", "8"), result("mine2", NO_RESULT), USER]


def test_a_kept_turn_that_the_client_split_is_restored_once() -> None:
    split = [USER, asks(call("mine")), result("mine", "1"), asks(call("mine2")), result("mine2", "2"), USER]
    whole = [USER, asks(call("mine"), call("mine2")), result("mine", "1"), result("mine2", "2"), USER]
    assert readable(split, find) == readable(whole, find)


def test_a_kept_turn_is_found_where_calls_of_the_server_were_shown_beside_the_clients() -> None:
    shown = [asks(call("own2"), call("mine"), call("mine2")), result("own2", "no such tool"), result("mine", "1")]
    assert readable([USER, *shown], find) == [
        USER, *KEPT[:3], result("mine", "1"), result("own2", "8"), result("mine2", NO_RESULT),
    ]  # fmt: skip


def test_a_message_with_calls_that_were_not_of_the_turn_is_no_kept_one() -> None:
    asked, *_ = readable([asks(call("mine"), call("strange"))], find)
    assert asked == asks(call("mine"), call("strange"))


def test_what_was_kept_is_not_changed() -> None:
    kept = copy.deepcopy(KEPT)
    readable([USER, asks(call("mine")), result("mine")], lambda ids: kept)
    assert kept == KEPT


PARTS = [
    USER,
    asks(call("a"), call("b")),
    asks(call("mine"), call("mine2")),
    asks(call("b")),
    result("a"),
    result("b"),
    result("mine"),
    {"role": "tool", "content": "no id"},
    {"role": "function", "name": "look", "content": "x"},
    {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
]


@pytest.mark.parametrize("seed", range(200))
def test_any_history_is_one_that_providers_take(seed: int) -> None:
    picked = [PARTS[(seed * (position + 3) ** 2 // 7 + position) % len(PARTS)] for position in range(seed % 9 + 1)]
    assert answerable(readable(picked, find)), picked
    assert answerable(readable(picked, nothing_kept)), picked


def test_a_call_in_a_message_that_is_not_the_assistants_is_left_out() -> None:
    messages = [{"role": "user", "content": "a", "tool_calls": [{}], "function_call": {}, "name": "ada"}]
    assert readable(messages, lambda ids: None) == [{"role": "user", "content": "a", "name": "ada"}]
