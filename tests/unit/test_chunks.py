from __future__ import annotations

import json

import pydantic_core
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from flask_agent_api.errors import RequestError
from flask_agent_api.json_text import json_text
from flask_agent_api.types import Usage
from flask_agent_api.web.activity.pieces import Extension
from flask_agent_api.web.activity.pieces import Piece
from flask_agent_api.web.activity.pieces import RawDelta
from flask_agent_api.web.activity.pieces import Reasoning
from flask_agent_api.web.activity.pieces import Text
from flask_agent_api.web.chunks import ChunkWriter
from flask_agent_api.web.chunks import error_frame
from tests.support import frames

PIECE = Extension("agent_event", {"type": "x"})
ANY_TEXT = st.text(st.characters(exclude_categories=()))


def validated(text: str) -> ChatCompletionChunk:
    (frame,) = frames(text)
    return ChatCompletionChunk.model_validate_json(frame, strict=True)


def writer(*, include_usage: bool = False) -> ChunkWriter:
    return ChunkWriter("chatcmpl-1", 1700000000, 'm"\n</script>', include_usage)


@given(ANY_TEXT)
def test_any_text_gives_one_valid_frame(text: str) -> None:
    frame = writer().text(text)
    assert frame.isascii()
    expected = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert validated(frame).choices[0].delta.content == expected


@given(ANY_TEXT)
def test_json_text_is_ascii_and_readable_for_strict_parsers(text: str) -> None:
    encoded = json_text([{text: text}])
    assert encoded.isascii()
    assert len(pydantic_core.from_json(encoded)[0]) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("😀 ü", "😀 ü"),
        ("a\u2028b\x00c\x85", "a\u2028b\x00c\x85"),
        ("\ud83d", "\ufffd"),
        ("\ude00x", "\ufffdx"),
        ("\ud83d\ude00", "😀"),
        ("a\ud83d", "a\ufffd"),
        ("\\ud800 is no surrogate", "\\ud800 is no surrogate"),
    ],
)
def test_text_is_kept_but_for_lone_surrogates(text: str, expected: str) -> None:
    assert validated(writer().text(text)).choices[0].delta.content == expected
    assert json.loads(json_text([text])) == [expected]


def test_chunks_have_the_same_head() -> None:
    w = writer()
    for chunk in (validated(each) for each in (w.role(), w.text("a"), w.piece(PIECE), w.finish("stop"))):
        assert (chunk.id, chunk.created, chunk.model) == ("chatcmpl-1", 1700000000, 'm"\n</script>')
        assert len(chunk.choices) == 1


def test_without_include_usage_no_chunk_speaks_of_usage() -> None:
    assert "usage" not in writer().role() + writer().text("a") + writer().finish("stop")


def test_with_include_usage_all_other_chunks_say_null() -> None:
    w = writer(include_usage=True)
    for text in (w.role(), w.text("a"), w.piece(PIECE), w.finish("length")):
        assert json.loads(frames(text)[0])["usage"] is None


def test_usage_chunk_has_no_choices_and_sums() -> None:
    chunk = validated(writer(include_usage=True).usage(Usage(3, 4, 1, 2)))
    assert chunk.choices == []
    assert chunk.usage is not None
    assert (chunk.usage.prompt_tokens, chunk.usage.completion_tokens, chunk.usage.total_tokens) == (3, 4, 7)
    assert chunk.usage.prompt_tokens_details is not None
    assert chunk.usage.prompt_tokens_details.cached_tokens == 1
    assert chunk.usage.completion_tokens_details is not None
    assert chunk.usage.completion_tokens_details.reasoning_tokens == 2


@pytest.mark.parametrize("include_usage", [True, False])
def test_activity_is_a_chunk_with_an_empty_delta(include_usage: bool) -> None:
    event = Extension("agent_event", {"type": "tool_start", "name": "\ud800"}, "agent_events")
    chunk = validated(writer(include_usage=include_usage).piece(event))
    assert chunk.choices[0].delta.model_dump(exclude_unset=True) == {}
    assert (chunk.model_extra or {})["agent_event"] == {"type": "tool_start", "name": "\ufffd"}


def test_error_frame_is_bare() -> None:
    (frame,) = frames(error_frame(RequestError("no \ud800\n", param="n", code="c")))
    message = {"message": "no \ufffd\n", "type": "invalid_request_error", "param": "n", "code": "c"}
    assert json.loads(frame) == {"error": message}


@pytest.mark.parametrize(
    ("piece", "delta"),
    [
        (Text("a\ud800"), {"content": "a\ufffd"}),
        (Reasoning("hm\ud800"), {"reasoning_content": "hm\ufffd"}),
        (RawDelta({"tool_calls": [{"index": 0}]}), {"tool_calls": [{"index": 0}]}),
    ],
)
def test_other_pieces_are_deltas(piece: Piece, delta: dict[str, object]) -> None:
    chunk = validated(writer().piece(piece))
    assert chunk.choices[0].delta.model_dump(exclude_unset=True) == delta
    assert chunk.choices[0].finish_reason is None
