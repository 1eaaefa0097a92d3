"""Double quotes in what a user writes. Every function takes time in proportion to the text's length."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MARKS = re.compile(r'\\.|["“”]', re.DOTALL)
_CLOSING = {'"': '"', "“": "”"}


def split_outside_quotes(text: str, separator: re.Pattern[str]) -> list[str]:
    """The parts of ``text`` between separators that do not begin inside double quotes, stripped."""
    parts, start = [], 0
    spans = _spans(text)
    span = next(spans, None)
    for match in separator.finditer(text):
        while span and span[1] <= match.start():
            span = next(spans, None)
        if not (span and span[0] <= match.start()):
            parts.append(text[start : match.start()].strip())
            start = match.end()
    return [*parts, text[start:].strip()]


def is_quoted(text: str) -> bool:
    """Whether the whole text stands in one pair of quotes, straight, curly or single."""
    if len(text) > 1 and text[0] == text[-1] == "'":
        return True
    return next(_spans(text), None) == (0, len(text))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where quoted pieces begin and end, quotes included; one that is never closed is none."""
    start, closing = -1, ""
    for match in _MARKS.finditer(text):
        mark = match[0]
        if start >= 0 and mark == closing:
            yield start, match.end()
            start = -1
        elif start < 0 and mark in _CLOSING:
            start, closing = match.start(), _CLOSING[mark]
