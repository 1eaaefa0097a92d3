from __future__ import annotations

import pytest

from flask_agent_api.tools.kept_output import KeptOutput


def kept(*data: bytes, head: int = 4, tail: int = 4) -> KeptOutput:
    output = KeptOutput(head, tail)
    for each in data:
        output.add(each)
    return output


def test_what_fits_is_all_there() -> None:
    assert kept(b"ab", b"cdef", b"gh").text() == "abcdefgh"


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_of_more_the_beginning_and_the_end_are_left(size: int) -> None:
    data = bytes(range(48, 123)) * 4
    output = kept(*(data[at : at + size] for at in range(0, len(data), size)))
    assert output.cut
    first, marker, last = output.text().split("\n")
    assert (first, last) == ("0123", "wxyz")
    assert marker == "[cut: this is the beginning and the end of 300 bytes]"


def test_memory_stays_flat() -> None:
    output = kept(*[b"x" * 65536] * 100, head=1000, tail=1000)
    assert sum(len(part) for part in (output._first, output._last)) <= 3000


def test_without_a_tail_there_is_only_the_beginning() -> None:
    assert kept(b"abcdefgh", b"i", tail=0).text() == "abcd"


@pytest.mark.parametrize(
    ("limit", "first", "last"), [(7, "abcd", "fgh"), (5, "abc", "gh"), (2, "a", "h"), (1, "a", "")]
)
def test_characters_are_limited_from_the_middle(limit: int, first: str, last: str) -> None:
    assert kept(b"abcdefgh").text(8) == "abcdefgh"
    assert kept(b"abcdefgh").text(limit).split("\n")[::2] == [first, last]


def test_characters_are_limited_where_bytes_were_lost_already() -> None:
    first, _, last = kept("äöüß".encode() * 100, head=40, tail=40).text(6).split("\n")
    assert (first, last) == ("äöü", "öüß")


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert kept(b"a\0\xff", b"b").text() == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"
