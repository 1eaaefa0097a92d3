from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import pytest

from flask_agent_api.errors import InternalError
from flask_agent_api.runtime.batches import as_batches
from flask_agent_api.types import ClientToolCalls
from flask_agent_api.types import Done
from flask_agent_api.types import Error
from flask_agent_api.types import Event
from flask_agent_api.types import TextDelta
from flask_agent_api.types import ToolCall
from flask_agent_api.types import Usage

FAILED = Error(InternalError())


class Word(str, enum.Enum):
    HELLO = "hello"


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], [[Done()]]),
        (["a", "b"], [["a"], ["b"], [Done()]]),
        ([["a", "b"], Usage(1)], [["a", "b"], [Usage(1)], [Done()]]),
        ([[], "a", []], [["a"], [Done()]]),
        (["a", Done("length")], [["a"], [Done("length")]]),
        ([["a", Done()]], [["a", Done()]]),
        (["a", FAILED], [["a"], [FAILED]]),
        ([["a", Done("length"), "b", FAILED], "c"], [["a", Done("length")]]),
        ([["a", FAILED, Done()], Done()], [["a", FAILED]]),
        ([TextDelta("a"), [TextDelta("b", "sub", 1)]], [[TextDelta("a")], [TextDelta("b", "sub", 1)], [Done()]]),
        ("ab", [["a"], ["b"], [Done()]]),
    ],
)
def test_batches_end_in_exactly_one_end(items: Any, expected: list[Any]) -> None:
    assert list(as_batches(items)) == expected


def test_text_of_a_class_of_its_own_becomes_plain_text() -> None:
    (single, several, _) = as_batches([Word.HELLO, ["a", Word.HELLO, Usage(1)]])
    assert (single, several) == (["hello"], ["a", "hello", Usage(1)])
    assert type(single[0]) is type(several[1]) is str


def test_the_agents_own_list_is_left_alone() -> None:
    own: list[Any] = ["a", Word.HELLO, Done(), "b"]
    list(as_batches([own]))
    assert own == ["a", Word.HELLO, Done(), "b"]
    assert own[1] is Word.HELLO


@pytest.mark.parametrize("item", [None, 1, b"bytes", {"content": "x"}, ("a", "b"), [["a"]], ["a", None]])
def test_anything_else_is_a_type_error_that_names_it(item: Any) -> None:
    with pytest.raises(TypeError, match=r"an agent yielded (NoneType|int|bytes|dict|tuple|list), not text"):
        list(as_batches([item]))


def test_what_follows_the_end_is_not_asked_for() -> None:
    log: list[str] = []

    def agent() -> Iterator[Any]:
        try:
            yield "a"
            yield Done()
            log.append("asked for more")
            yield "b"
        finally:
            log.append("closed")

    assert list(as_batches(agent())) == [["a"], [Done()]]
    assert log == ["closed"]


def test_closing_closes_the_agents_generator() -> None:
    log: list[str] = []

    def agent() -> Iterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            log.append("closed")

    batches = as_batches(agent())
    assert next(batches) == ["a"]
    batches.close()
    assert log == ["closed"]


def test_calls_of_the_clients_tools_end_the_run() -> None:
    calls = ClientToolCalls([ToolCall("c", "paint", "{}")])
    asked: list[str] = []

    def agent() -> Iterator[str | Event]:
        yield "a"
        yield calls
        asked.append("more")

    assert list(as_batches(agent())) == [["a"], [calls, Done("tool_calls")]]
    assert list(as_batches([["b", calls, Done("stop")]])) == [["b", calls, Done("tool_calls")]]
    assert list(as_batches([ClientToolCalls([])]))[-1][-1] == Done("stop")
    assert asked == []
