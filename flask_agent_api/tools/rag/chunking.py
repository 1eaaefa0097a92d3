"""Cutting documents into chunks, the pieces that are searched and shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chunking:
    """Characters of a chunk at the most, and how many of them it has in common with the one before."""

    size: int = 1500
    overlap: int = 75


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document: its number from 0, and its lines from 1, the last one included."""

    number: int
    first_line: int
    last_line: int
    text: str


def chunks_of(text: str, chunking: Chunking) -> Iterator[Chunk]:
    """The chunks of a text. They end at a line's end where one is near, else between words, if that can be.

    Blank space around a chunk is no part of it.
    """
    number = start = 0
    line = 1
    while start < len(text):
        end = _end(text, start, chunking.size)
        piece = text[start:end]
        if inner := piece.strip():
            first = line + piece[: len(piece) - len(piece.lstrip())].count("\n")
            yield Chunk(number, first, first + inner.count("\n"), inner)
            number += 1
        if end >= len(text):
            return
        following = _start(text, start, end, chunking.overlap)
        line += text.count("\n", start, following)
        start = following


def _end(text: str, start: int, size: int) -> int:
    """Where a chunk ends: in its last quarter, at the latest after ``size`` characters."""
    end = start + size
    if end >= len(text):
        return len(text)
    earliest = end - size // 4
    return text.rfind("\n", earliest, end) + 1 or text.rfind(" ", earliest, end) + 1 or end


def _start(text: str, start: int, end: int, overlap: int) -> int:
    """Where the next chunk begins: at a word, if there is one among the characters that both have."""
    begin = max(end - overlap, start + 1)
    if begin == end or text[begin - 1].isspace():
        return begin
    return next((place + 1 for place in range(begin, end - 1) if text[place].isspace()), begin)
