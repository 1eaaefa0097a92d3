from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_agent_api.models.chunks import ChunkReader


def chunk(text: str, finish: str | None = None, ensure_ascii: bool = True, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return json.dumps({"id": "x", "model": "hello", "choices": [choice], **more}, ensure_ascii=ensure_ascii).encode()


def texts(*payloads: bytes) -> list[object]:
    reader = ChunkReader("m")
    events = [event for payload in payloads for event in reader.read([payload])]
    assert reader.failure is None
    return list(events)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), min_size=1), st.booleans())
def test_any_text_is_read_as_json_reads_it(words: list[str], ensure_ascii: bool) -> None:
    payloads = [chunk("first"), *(chunk(word, ensure_ascii=ensure_ascii) for word in words)]
    assert texts(*payloads) == ["first", *(word for word in words if word)]


@given(st.binary())
def test_any_bytes_between_the_learnt_ones_are_judged_as_json_judges_them(middle: bytes) -> None:
    learnt = chunk("first")
    before, _, after = learnt.partition(b"first")
    payload = before + middle + after
    reader, plain = ChunkReader("m"), ChunkReader("m")
    reader.read([learnt])
    read, expected = reader.read([payload]), plain.read([payload])
    control = any(byte < 0x20 for byte in middle)  # JSON wants them escaped; a line of an event cannot hold most
    assert control or (read, bool(reader.failure)) == (expected, bool(plain.failure))


@pytest.mark.parametrize(
    "other",
    [
        chunk(" end", finish="stop"),
        chunk(" x", usage={"prompt_tokens": 1}),
        chunk(" x", obfuscation="abc"),
        b'{"choices":[]}',
    ],
    ids=["finish", "usage", "more", "none"],
)
def test_a_chunk_that_differs_elsewhere_is_read_in_full(other: bytes) -> None:
    fresh, reader = ChunkReader("m"), ChunkReader("m")
    reader.read([chunk("first")])
    assert reader.read([other]) == fresh.read([other])
    assert (reader.finished, reader.usage()) == (fresh.finished, fresh.usage())


def test_text_that_stands_elsewhere_in_the_chunk_as_well_is_not_mistaken() -> None:
    assert texts(chunk("hello"), chunk("there"), chunk("hello")) == ["hello", "there", "hello"]


def test_an_empty_text_is_no_event() -> None:
    assert texts(chunk("first"), chunk(""), chunk("last")) == ["first", "last"]
