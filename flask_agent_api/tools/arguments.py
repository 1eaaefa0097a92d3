"""Arguments of built-in tools as models write them: a list as its JSON text, a number in quotes.

All raise :class:`ToolError` that tells the model how to mend the argument.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import ToolError

_DECODER = json.JSONDecoder(strict=False)


def text(arguments: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text; required without a default."""
    value = arguments.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise ToolError(f"`{name}` must be a text")
    return value


def texts(arguments: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts; empty if it is not there. One text is a list of one."""
    value = arguments.get(name)
    if isinstance(value, str):
        value = from_json(value) if value.lstrip().startswith("[") else [value]
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ToolError(f"`{name}` must be a list of texts")
    return value


def flag(arguments: Mapping[str, Any], name: str) -> bool:
    """A switch, off if it is not there."""
    value = arguments.get(name)
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ToolError(f"`{name}` must be true or false")


def positive(arguments: Mapping[str, Any], name: str) -> int | None:
    """A whole number, 1 or more; None if it is not there."""
    value = arguments.get(name)
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ToolError(f"`{name}` must be a whole number, 1 or more")
    return value


def from_json(value: str) -> Any:
    """What a text that should have been a list or an object says; None if it says nothing.

    Raw newlines in its texts and brackets too many at its end do no harm.
    """
    try:
        return _DECODER.raw_decode(value.lstrip())[0]
    except (ValueError, RecursionError):
        return None
