"""What is in a file: text, or an image."""

from __future__ import annotations

import os
from typing import BinaryIO

from ...errors import ToolError
from .bounds import TEXT_BYTES

_SNIFFED = 8 * 1024


def read_bytes(file: BinaryIO, most: int, shown: str, hint: str = "") -> bytes:
    """All of a file. Raises :class:`ToolError` for one that is longer than ``most``."""
    data = file.read(most + 1)
    if len(data) > most:
        size = max(os.fstat(file.fileno()).st_size, len(data))
        raise ToolError(f"{shown} is too large: {size} bytes, {most} at the most{hint}")
    return data


def sniffed(file: BinaryIO) -> bytes:
    """The beginning of a file, which is then read from the beginning all the same."""
    head = file.read(_SNIFFED)
    file.seek(0)
    return head


def is_binary(head: bytes) -> bool:
    """Whether it is no text."""
    return b"\0" in head


def read_text(file: BinaryIO, shown: str) -> str:
    """All of a text file; what is no UTF-8 in it is replaced. Raises :class:`ToolError` for others."""
    refuse_binary(sniffed(file), file, shown)
    hint = ". Read a part of it with `line` and `limit`"
    return read_bytes(file, TEXT_BYTES, shown, hint).decode("utf-8-sig", errors="replace")


def refuse_binary(head: bytes, file: BinaryIO, shown: str) -> None:
    """Raises :class:`ToolError` for a file that is no text."""
    if is_binary(head):
        size = os.fstat(file.fileno()).st_size
        raise ToolError(f"{shown} is a binary file of {size} bytes, only text and images can be read")
