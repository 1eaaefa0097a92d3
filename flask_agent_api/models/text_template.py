"""Text chunks without JSON: in one stream they differ in one string, so the rest need be understood only once."""

from __future__ import annotations

from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

_LESSONS = 4
"""How often a new template is learnt; a provider whose chunks all differ is not worth more."""


class TextTemplate:
    """What stands before and after the text in the chunks of one stream, with the frames of their events."""

    __slots__ = ("_around", "_before", "_between", "_end", "_lessons")

    def __init__(self) -> None:
        self._before = b""
        self._end = b""
        self._between = b""
        self._around = 0
        self._lessons = _LESSONS

    def only(self, event: bytes) -> str:
        """The text of one event that is like the learnt one, if it has no escapes; empty for anything else.

        What a read mostly gives where a model is slower than the network.
        """
        if not self._around or not event.startswith(self._before) or not event.endswith(self._end):
            return ""
        raw = event[len(self._before) : -len(self._end)]
        if b'"' in raw or b"\\" in raw or b"\n" in raw or len(event) < self._around:
            return ""
        try:
            return raw.decode()
        except ValueError:
            return ""

    def read(self, events: bytes, at: int, texts: list[Any]) -> int:
        """Appends the texts of those events from ``at`` on that are like the learnt one in everything else.

        Returns where the first other one begins. ``events`` ends with an event's blank line.
        """
        before = self._before
        if not before or not events.startswith(before, at):
            return at
        # What is not like the learnt one is a part of its forerunner's part, but for what follows the last one.
        *parts, last = events[at + len(before) :].split(self._between)
        if (size := last.find(self._end)) >= 0:
            parts.append(last[:size])
        plain = _without_escapes(parts)
        if plain is None:
            return self._read_escaped(parts, at, texts)
        texts += plain
        return at + sum(map(len, parts)) + len(parts) * self._around

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
            self._before, self._end = before + b'"', b'"' + after + b"\n\n"
            self._between = self._end + self._before
            self._around = len(self._before) + len(self._end)


def _without_escapes(parts: list[bytes]) -> list[str] | None:
    """The texts, but for empty ones; None if one has quotes or escapes, or what no string may have."""
    joined = b"\n".join(parts)
    if b'"' in joined or b"\\" in joined:
        return None
    try:
        texts = joined.decode().split("\n") if parts else []
    except ValueError:
        return None
    if len(texts) != len(parts):
        return None
    return texts if all(texts) else [text for text in texts if text]
