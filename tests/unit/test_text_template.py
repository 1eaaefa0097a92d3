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


def event(*payloads: bytes) -> bytes:
    return b"".join((b"" if payload[:1] == b":" else b"data: ") + payload + b"\n\n" for payload in payloads)


def read_all(reader: ChunkReader, events: bytes) -> list[object]:
    batches = reader.read(events)
    assert all(batches)
    return [found for batch in batches for found in batch]


def texts(*payloads: bytes) -> list[object]:
    reader = ChunkReader("m")
    events = [found for payload in payloads for found in read_all(reader, event(payload))]
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
    reader.read(event(learnt))
    read, expected = reader.read(event(payload)), plain.read(event(payload))
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
    reader.read(event(chunk("first")))
    assert reader.read(event(other)) == fresh.read(event(other))
    assert (reader.finished, reader.usage()) == (fresh.finished, fresh.usage())


def test_text_that_stands_elsewhere_in_the_chunk_as_well_is_not_mistaken() -> None:
    assert texts(chunk("hello"), chunk("there"), chunk("hello")) == ["hello", "there", "hello"]


def test_an_empty_text_is_no_event() -> None:
    assert texts(chunk("first"), chunk(""), chunk("last")) == ["first", "last"]


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]))), st.booleans())
def test_many_in_one_read_are_read_as_one_by_one(words: list[str], ensure_ascii: bool) -> None:
    reader = ChunkReader("m")
    reader.read(event(chunk("first")))
    assert read_all(reader, event(*(chunk(word, ensure_ascii=ensure_ascii) for word in words))) == [
        w for w in words if w
    ]
    assert reader.failure is None


@given(
    st.lists(
        st.one_of(
            st.text(max_size=3).map(chunk),
            st.text(max_size=3).map(lambda text: chunk(text, ensure_ascii=True, obfuscation="abc")),
            st.sampled_from(
                [
                    b'{"choices":[]}',
                    b": a comment",
                    chunk("")[:-20],
                    chunk("a", finish="length"),
                    chunk('","x":"\n'),
                    b'{"id": "x", "model": "hello", "choices": [{"index": 0, "delta": {"content": "\\q"}}]}',
                ]
            ),
        ),
        max_size=12,
    )
)
def test_any_mixture_in_one_read_is_read_as_json_reads_it(payloads: list[bytes]) -> None:
    reader, plain = ChunkReader("m"), ChunkReader("m")
    reader.read(event(chunk("first")))
    batch = read_all(reader, event(*payloads))
    expected: list[object] = []
    for payload in payloads:
        if plain.failure is None:
            one = ChunkReader("m")
            one.finished = plain.finished
            expected += read_all(one, event(payload))
            plain.finished, plain.failure = one.finished, one.failure
    assert (batch, reader.finished, bool(reader.failure)) == (expected, plain.finished, bool(plain.failure))
