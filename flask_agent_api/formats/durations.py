"""Lengths of time as Go writes them, which is how docker-agent's files have them: ``500ms``, ``1m30s``, ``2h``."""

from __future__ import annotations

import re

from .section import Kind

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 1e9  # longer than anything runs, and within what locks and sockets can wait
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+|0")


def is_duration(value: object) -> bool:
    """Whether this is a length of time; a number alone, other than 0, has no unit and is none."""
    return (value == 0 and not isinstance(value, bool)) or (
        isinstance(value, str) and _WHOLE.fullmatch(value) is not None
    )


def seconds(value: str | int) -> float:
    """The seconds of a duration that :func:`is_duration` has accepted; thirty years for all that are longer."""
    return min(_LONGEST, sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(str(value))))


DURATION = Kind("a length of time like 500ms, 30s or 1m30s", is_duration, {"type": ["string", "integer"]})
