"""Text chunks without JSON: in one stream they differ in one string, so the rest need be understood only once."""

from __future__ import annotations

_LESSONS = 4
"""How often a new template is learnt; a provider whose chunks all differ is not worth more."""


class TextTemplate:
    """What stands before and after the text in the chunks of one stream."""

    __slots__ = ("_lessons", "_prefix", "_shortest", "_suffix")

    def __init__(self) -> None:
        self._prefix = b""
        self._suffix = b""
        self._shortest = 0
        self._lessons = _LESSONS

    def text(self, payload: bytes) -> str | None:
        """The text of a chunk that is like the learnt one in everything else; None for any other chunk.

        Text with quotes or escapes is left to the JSON reader. Raises ValueError if it is not UTF-8.
        """
        if self._shortest and payload.startswith(self._prefix) and payload.endswith(self._suffix):
            raw = payload[len(self._prefix) : -len(self._suffix)]
            if b'"' not in raw and b"\\" not in raw and len(payload) >= self._shortest:
                return raw.decode()
        return None

    def learn(self, payload: bytes, text: str) -> None:
        """Takes a chunk whose whole meaning was ``text`` for the pattern of those that follow."""
        if not self._lessons or not text.isascii() or not text.isprintable() or '"' in text or "\\" in text:
            return
        self._lessons -= 1
        quoted = b'"%b"' % text.encode()
        before, found, after = payload.partition(quoted)
        if found and quoted not in after and before.rstrip().endswith(b'"content":'):
            self._prefix, self._suffix = before + b'"', b'"' + after
            self._shortest = len(self._prefix) + len(self._suffix)
