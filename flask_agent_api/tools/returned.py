"""What a Python function gave back, as a model reads it."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from collections.abc import Iterator
from typing import Any

import pydantic_core

from .. import loop_thread
from ..types import ToolResult

_MARKER = "\n[cut: there is more]"


def as_result(returned: Any, limit: int) -> ToolResult | str:
    """Text, or a :class:`ToolResult` as it is; whatever JSON cannot hold is in it as Python prints it.

    What is awaited, and what async generators yield, comes from the event loop. Of generators, which may never end,
    so many items are taken as have room in ``limit`` characters.
    """
    if inspect.isawaitable(returned):
        returned = loop_thread.run(_awaited(returned))
    if inspect.isasyncgen(returned):
        returned = loop_thread.iterate(returned)
    if isinstance(returned, str | ToolResult):
        return returned
    if returned is None:
        return ""
    if isinstance(returned, bytes | bytearray):
        return returned.decode(errors="replace")
    if isinstance(returned, Iterator):
        return _list(returned, limit)
    return _json(returned)


async def _awaited(result: Any) -> Any:
    return await result


def _list(items: Iterator[Any], limit: int) -> str:
    """A JSON list of the items."""
    room = limit - len("[]") - len(_MARKER)
    texts: list[str] = []
    try:
        for item in items:
            text = _json(item)
            if len(text) > room:
                return f"[{','.join(texts) or text[:room]}]{_MARKER}"
            texts.append(text)
            room -= len(text) + 1
        return f"[{','.join(texts)}]"
    finally:
        if isinstance(items, Generator):
            items.close()


def _json(value: Any) -> str:
    return pydantic_core.to_json(value, fallback=str, bytes_mode="base64", inf_nan_mode="strings").decode()
