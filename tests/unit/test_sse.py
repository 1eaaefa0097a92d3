from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_agent_api.models.sse import data_of
from flask_agent_api.models.sse import EventParser
from flask_agent_api.models.sse import EventTooLarge

CORPUS = (
    b"\xef\xbb\xbf: hello\n\n"
    b'data: {"a": 1}\n\n'
    b'data:{"b":"\xc3\xa9\xf0\x9f\x98\x80"}\r\n\r\n'
    b"event: x\nid: 7\nretry: 10\ndata: one\ndata:  two\n\n"
    b"\n\n\ndata\n\ndata:\n\ndata: \n\n"
    b"data: cr only\r\rdata: cr then lf\r\n\r\n"
    b": comment without a blank line\ndata: after it\n\n"
    b"data: a\xe2\x80\xa8b\x0cc\n\n"
    b"data: [DONE]\n"
)
PAYLOADS = [
    b'{"a": 1}',
    b'{"b":"\xc3\xa9\xf0\x9f\x98\x80"}',
    b"one\n two",
    b"cr only",
    b"cr then lf",
    b"after it",
    b"a\xe2\x80\xa8b\x0cc",
    b"[DONE]",
]


def payloads_of(events: bytes) -> list[bytes]:
    assert not events or events.endswith(b"\n\n")
    return [payload for event in events.split(b"\n\n") if (payload := data_of(event))]


def read(pieces: list[bytes]) -> list[bytes]:
    parser = EventParser()
    payloads = [payload for piece in pieces for payload in payloads_of(parser.feed(piece))]
    return payloads + payloads_of(parser.close())


def test_corpus_at_once_gives_all_payloads() -> None:
    assert read([CORPUS]) == PAYLOADS


def test_corpus_byte_by_byte_gives_all_payloads() -> None:
    assert read([CORPUS[i : i + 1] for i in range(len(CORPUS))]) == PAYLOADS


@given(st.sets(st.integers(0, len(CORPUS))))
def test_any_split_gives_the_same_payloads(cuts: set[int]) -> None:
    edges = [0, *sorted(cuts), len(CORPUS)]
    assert read([CORPUS[a:b] for a, b in pairwise(edges)]) == PAYLOADS


@given(
    st.lists(st.binary(min_size=1).filter(lambda data: not set(data) & {10, 13}), max_size=8),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(0, 400)),
)
def test_any_payload_comes_through_with_any_line_end(payloads: list[bytes], end: bytes, cuts: list[int]) -> None:
    stream = b"".join(b"data: " + payload + end + end for payload in payloads)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert read([stream[a:b] for a, b in pairwise(edges)]) == payloads


def test_an_event_is_given_as_soon_as_it_is_complete() -> None:
    parser = EventParser()
    assert parser.feed(b"data: a\n") == b""
    assert payloads_of(parser.feed(b"\ndata: b\r\n\r")) == [b"a", b"b"]
    assert payloads_of(parser.feed(b"\ndata: c\n\n")) == [b"c"]


@pytest.mark.parametrize("piece", [b"x" * 40, b"x\n" * 20], ids=["one line", "many lines"])
def test_too_large_event_is_refused(piece: bytes) -> None:
    parser = EventParser(limit=100)
    parser.feed(piece)
    parser.feed(piece)
    with pytest.raises(EventTooLarge):
        parser.feed(piece)


def test_many_small_events_are_not_too_large() -> None:
    parser = EventParser(limit=100)
    assert len(payloads_of(parser.feed(b"data: " + b"x" * 50 + b"\n\nda"))) == 1
    assert len(payloads_of(parser.feed((b"ta: " + b"x" * 50 + b"\n\nda") * 100))) == 100
