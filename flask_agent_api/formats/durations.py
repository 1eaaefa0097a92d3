"""Lengths of time as Go writes them, which is how docker-agent's files have them: ``500ms``, ``1m30s``, ``2h``."""

from __future__ import annotations

import re
from typing import Any

from .section import is_integer
from .section import Kind

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 1e9  # longer than anything runs, and within what locks and sockets can wait
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+|0")


def is_duration(value: Any) -> bool:
    """Whether this is a length of time: text with units, or a whole number of seconds."""
    return (is_integer(value) and value >= 0) or (isinstance(value, str) and _WHOLE.fullmatch(value) is not None)


def seconds(value: Any) -> float:
    """The seconds of a duration that :func:`is_duration` has accepted; thirty years for all that are longer."""
    if is_integer(value):
        return float(min(_LONGEST, value))
    return min(_LONGEST, sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(str(value))))


DURATION = Kind("a length of time like 500ms, 30s or 1m30s", is_duration, {"type": ["string", "integer"]})
