"""Text chunks without JSON: in one stream they differ in one string, so the rest need be understood only once."""

from __future__ import annotations

from itertools import takewhile
from json.decoder import scanstring  # type: ignore[attr-defined]
from operator import itemgetter
from typing import Any

import pydantic_core

_BETWEEN = b"\n\ndata: "
"""Where events are cut apart: longer than a blank line, and so found in a third of the time."""

_NAME = len(b"data: ")

_MOST_BEHIND = 3
"""What follows the last text of a stream: the reason, the usage, and the end."""

_LESSONS = 4
"""How often a new template is learnt; a provider whose chunks all differ is not worth more."""


class TextTemplate:
    """What stands before and after the text in the chunks of one stream, with the frames of their events."""

    __slots__ = ("_around", "_between", "_end", "_head", "_least", "_lessons", "_part", "_tail", "before")

    def __init__(self) -> None:
        self.before = b""
        """What stands before the text, from the event's first byte on; empty until one is learnt."""
        self._end = b""
        self._between = b""
        self._head = b""
        self._tail = b""
        self._least = 0
        self._part = itemgetter(slice(0))
        self._around = 0
        self._lessons = _LESSONS

    def only(self, event: bytes) -> str:
        """The text of one event that begins like the learnt one, if it ends so and has no escapes; else empty.

        What a read mostly gives where a model is slower than the network.
        """
        if not event.endswith(self._end):
            return ""
        raw = event[len(self.before) : -len(self._end)]
        if b'"' in raw or b"\\" in raw or b"\n" in raw or len(event) < self._around:
            return ""
        try:
            return raw.decode()
        except ValueError:
            return ""

    def read(self, events: bytes, at: int, texts: list[Any]) -> int:
        """Appends the texts of those events from ``at`` on that are like the learnt one in everything else.

        The first one begins like it. Returns where the first other one begins. ``events`` ends with a blank line.
        """
        before = self.before
        first = events.find(b"\n\n", at)
        several = events.startswith(before, first + 2)
        found = events[at + _NAME : -2].split(_BETWEEN) if several else [events[at + _NAME : first]]
        for _ in range(_MOST_BEHIND):
            if found and not self._fits(found[-1]):
                found.pop()
        parts = list(map(self._part, found))
        if not events.startswith(b"%b%b%b" % (before, self._between.join(parts), self._end), at):
            parts = list(map(self._part, takewhile(self._fits, found)))
        plain = _texts(parts) if parts else []
        if plain is None:
            return self._read_escaped(parts, at, texts)
        texts += plain
        return at + sum(map(len, parts)) + len(parts) * self._around

    def _fits(self, data: bytes) -> bool:
        return data.startswith(self._head) and data.endswith(self._tail) and len(data) >= self._least

    def _read_escaped(self, parts: list[bytes], at: int, texts: list[Any]) -> int:
        """The same one by one: a part with a quote that is not escaped is more than a text."""
        for part in parts:
            try:
                quoted = part.decode() + '"'
                text, end = scanstring(quoted, 0)
            except ValueError:
                return at
            if end < len(quoted):
                return at
            if text:
                texts.append(text)
            at += len(part) + self._around
        return at

    def learn(self, block: bytes, text: str) -> None:
        """Takes an event whose whole meaning was ``text`` for the pattern of those that follow."""
        if not self._lessons or not text.isascii() or not text.isprintable() or '"' in text or "\\" in text:
            return
        self._lessons -= 1
        quoted = b'"%b"' % text.encode()
        before, found, after = block.partition(quoted)
        if found and quoted not in after and before.startswith(b"data: ") and before.rstrip().endswith(b'"content":'):
            if b"\n" in block:
                return
            self.before, self._end = before + b'"', b'"' + after + b"\n\n"
            self._between = self._end + self.before
            self._head, self._tail = self.before[_NAME:], self._end[:-2]
            self._least = len(self._head) + len(self._tail)
            self._part = itemgetter(slice(len(self._head), -len(self._tail)))
            self._around = len(self.before) + len(self._end)


def _texts(parts: list[bytes]) -> list[str] | None:
    """The texts, but for empty ones; None if one has more than a text, or what no string may have."""
    joined = b"\n".join(parts)
    try:
        texts = _unescaped(parts) if b'"' in joined or b"\\" in joined else joined.decode().split("\n")
    except ValueError:
        return None
    if len(texts) != len(parts):
        return None
    return texts if all(texts) else [text for text in texts if text]


def _unescaped(parts: list[bytes]) -> list[str]:
    """The parts as a list of JSON strings. There are as many if each part is one. Raises ValueError."""
    listed = b'"%b"' % b'","'.join(parts)
    if b'\\"' in listed[-2:] or b'\\","' in listed:
        raise ValueError("a part may end with a quote that is escaped")
    return pydantic_core.from_json(b"[%b]" % listed, cache_strings="none")  # type: ignore[no-any-return]
