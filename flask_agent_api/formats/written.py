"""Numbers that know how they are written in their file: where text is expected, ``1.10`` is not ``1.1``."""

from __future__ import annotations


class WrittenInt(int):
    """A whole number whose text is another than Python's, such as ``007`` or ``0x1F``."""

    written: str

    def __str__(self) -> str:
        return self.written


class WrittenFloat(float):
    """A number whose text is another than Python's, such as ``1.10`` or ``1e3``."""

    written: str

    def __str__(self) -> str:
        return self.written


def as_written(number: int | float, text: str) -> int | float:
    """The number, which is ``text`` as text. It is equal to the plain one, and JSON of it is the same."""
    if str(number) == text:
        return number
    kept = WrittenInt(number) if isinstance(number, int) else WrittenFloat(number)
    kept.written = text
    return kept
