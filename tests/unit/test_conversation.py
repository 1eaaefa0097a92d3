"""What of a conversation a client's history still has, and how the conversation goes on."""

from __future__ import annotations

from typing import Any

import pytest

from flask_agent_api.conversations.conversation import Continued
from flask_agent_api.conversations.conversation import continued
from flask_agent_api.conversations.conversation import same
from flask_agent_api.conversations.conversation import Turn
from flask_agent_api.types import Message

CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "t1", "function": {"name": "look"}}]}
RESULT = {"role": "tool", "tool_call_id": "t1", "content": "found"}


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def says(text: str | None, **fields: Any) -> Message:
    return {"role": "assistant", "content": text, **fields}


def turn(question: str, answer: str, *, alone: bool = False, before: list[Message] | None = None) -> Turn:
    """A turn in which a tool was called."""
    sent = [*(before or []), user(question)]
    return Turn(sent, [CALL, RESULT, says(answer)], alone=alone)


ONE, TWO = turn("q1", "a1", alone=True), turn("q2", "a2")
WHOLE = [user("q1"), says("a1"), user("q2"), says("a2")]
KEPT = [user("q1"), CALL, RESULT, says("a1"), user("q2"), CALL, RESULT, says("a2")]


def test_what_is_not_known_begins_with_all_that_the_client_sends() -> None:
    system = {"role": "system", "content": "Be kind."}
    assert continued([], [system, *WHOLE, user("q3")]) == Continued(
        0, [system, *WHOLE, user("q3")], 0, [system, *WHOLE, user("q3")], alone=False
    )


def test_a_history_that_is_known_goes_on_with_what_tools_found() -> None:
    assert continued([ONE, TWO], [*WHOLE, user("q3")]) == Continued(
        2, [*KEPT, user("q3")], 8, [user("q3")], alone=False
    )


@pytest.mark.parametrize(
    ("history", "keep", "new"),
    [
        pytest.param(WHOLE[:3], 1, [user("q2")], id="the last answer again"),
        pytest.param([*WHOLE[:2], user("other")], 1, [user("other")], id="the last question changed"),
        pytest.param(
            [*WHOLE[:3], says("cut off"), user("q3")], 1, [user("q2"), says("cut off"), user("q3")],
            id="an answer that was cut off or changed",
        ),
        pytest.param([user("x"), says("a1"), user("q3")], 0, [user("x"), says("a1"), user("q3")], id="the first"),
        pytest.param([*WHOLE[:2], user("x"), user("y")], 1, [user("x"), user("y")], id="two questions"),
        pytest.param(WHOLE, 2, [], id="nothing new"),
    ],
)  # fmt: skip
def test_what_the_client_changed_is_taken_from_there_on(history: list[Message], keep: int, new: list[Message]) -> None:
    found = continued([ONE, TWO], history)
    assert (found.keep, found.sent, found.alone) == (keep, new, False)
    assert found.messages == [*KEPT[: 4 * keep], *new]


@pytest.mark.parametrize("turns", [[ONE], [ONE, turn("q2", "a2", alone=True)]])
def test_a_new_question_alone_is_put_at_the_end(turns: list[Turn]) -> None:
    found = continued(turns, [user("q9")])
    assert (found.keep, found.sent, found.alone) == (len(turns), [user("q9")], True)
    assert found.messages == [*KEPT[: 4 * len(turns)], user("q9")]


def test_the_first_question_alone_once_more_is_answered_anew() -> None:
    assert continued([ONE], [user("q1")]) == Continued(0, [user("q1")], 0, [user("q1")], alone=True)


def test_who_leaves_the_history_to_us_may_ask_the_same_again() -> None:
    turns = [ONE, turn("q2", "a2", alone=True)]
    assert continued(turns, [user("q1")]).keep == 2


def test_of_who_sends_the_history_a_question_alone_is_a_new_beginning() -> None:
    assert continued([ONE, TWO], [user("changed")]).keep == 0


def test_results_of_the_clients_tools_alone_are_put_at_the_end() -> None:
    asks = Turn([user("q1")], [CALL], alone=True)
    assert continued([asks], [RESULT]) == Continued(1, [user("q1"), CALL, RESULT], 2, [RESULT], alone=True)
    assert continued([asks], [user("q1"), CALL, RESULT]).sent == [RESULT]
    assert continued([asks], [user("q1"), {**CALL, "tool_calls": [{"id": "t2"}]}, RESULT]).keep == 0


@pytest.mark.parametrize("role", ["system", "developer"])
def test_what_the_client_says_as_system_may_change_and_counts_as_it_is_now(role: str) -> None:
    old, new = {"role": "system", "content": "It is Monday."}, {"role": role, "content": "It is Tuesday."}
    turns = [turn("q1", "a1", before=[old])]
    found = continued(turns, [new, *WHOLE[:3]])
    assert (found.keep, found.kept, found.sent) == (1, 5, [user("q2")])
    assert found.messages == [new, *KEPT[:4], user("q2")]
    assert continued(turns, WHOLE[:3]).messages == [old, *KEPT[:4], user("q2")]
    assert continued(turns, [new, user("q2")]).messages == [new, *KEPT[:4], user("q2")]


@pytest.mark.parametrize(
    "sent",
    [says(" a\n1 "), says([{"type": "text", "text": "a1"}]), {**says("a1"), "reasoning_content": "hm", "name": "x"}],
)
def test_clients_may_trim_and_wrap_text(sent: Message) -> None:
    assert same(says("a1"), sent)


@pytest.mark.parametrize(
    "other",
    [
        user("a1"), says("a2"), says(""), says(None), says("a1", tool_calls=[{"id": "t1"}]),
        says([{"type": "text", "text": "a1"}, {"type": "image_url", "image_url": {"url": "data:,x"}}]),
        says("a1", function_call={"name": "f"}), {"role": "tool", "tool_call_id": "t", "content": "a1"},
    ],
)  # fmt: skip
def test_what_says_something_else_is_not_the_same(other: Message) -> None:
    assert not same(says("a1"), other)
    assert not same(other, says("a1"))


@pytest.mark.parametrize("turn", [TWO, turn("half of a pair: \ud83d", "\udc00, 1e400, \x00")])
def test_a_turn_survives_as_an_entry(turn: Turn) -> None:
    assert Turn.of(turn.entry()) == turn
    for wrong in (b"", b"[]", b"[1, ", b"7", b"[[], [], null, false, 1, [], 2]", b"\xff"):
        with pytest.raises((ValueError, TypeError)):
            Turn.of(wrong)


def test_an_answer_that_the_client_has_otherwise_than_the_model_is_known_as_it_is() -> None:
    """What the agent said before it called a tool is part of the client's answer, and no part of the last message."""
    told = Turn([user("q1")], [says("Let me see. "), CALL, RESULT, says("a1")], says("Let me see. a1"))
    assert continued([told], [user("q1"), says("Let me see. a1"), user("q2")]).keep == 1
    assert continued([told], [user("q1"), says("a1"), user("q2")]).keep == 0
    assert Turn.of(told.entry()) == told
