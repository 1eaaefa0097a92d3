from __future__ import annotations

from flask_agent_api.models.base import Finish
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.runtime.reply import assistant_message
from flask_agent_api.runtime.reply import ModelReply
from flask_agent_api.types import ReasoningDelta
from flask_agent_api.types import ToolCall
from flask_agent_api.types import Usage


def test_visible_is_what_others_may_see() -> None:
    reply = ModelReply()
    batch = ["a", ReasoningDelta("hm"), ToolCallDelta(0, "c1", "f", "{}"), Usage(1), "b", Finish("length")]
    assert reply.take(batch, "root", 2) == ["a", ReasoningDelta("hm", "root", 2), Usage(1), "b"]
    assert reply.take(["c"], "root", 2) == ["c"]
    assert (reply.text, reply.finish_reason) == ("abc", "length")


def test_calls_are_put_together_by_index_and_come_in_its_order() -> None:
    reply = ModelReply()
    pieces = [
        ToolCallDelta(1, "b", "second", '{"x"'),
        ToolCallDelta(0, "a", "first"),
        ToolCallDelta(1, "", "", ": 1}"),
        ToolCallDelta(0, "ignored", "ignored", "{}"),
    ]
    for piece in pieces:
        assert reply.take([piece], "root", 0) == []
    assert reply.calls(set()) == [ToolCall("a", "first", "{}"), ToolCall("b", "second", '{"x": 1}')]


def test_missing_and_repeated_ids_are_replaced_by_new_ones() -> None:
    reply = ModelReply()
    ids = ["", "same", "same", "call_0003", "call_0004", ""]
    reply.take([ToolCallDelta(index, id, "f") for index, id in enumerate(ids)], "root", 0)
    taken = {"earlier"}
    got = [call.id for call in reply.calls(taken)]
    assert got[1] == "same"
    assert all(got)
    assert len({"earlier", *got}) == 7
    assert taken == {"earlier", *got}


def test_a_new_id_is_not_one_that_was_taken_in_an_earlier_reply() -> None:
    reply = ModelReply()
    reply.take([ToolCallDelta(0, "", "f")], "root", 0)
    (call,) = reply.calls({"call_0002"})
    assert call.id not in {"", "call_0002"}


def test_assistant_message_has_text_or_null_and_arguments_always() -> None:
    message = assistant_message("", [ToolCall("a", "f", "")])
    assert message["content"] is None
    assert message["tool_calls"] == [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    assert assistant_message("so", [])["content"] == "so"
