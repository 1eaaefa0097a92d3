"""How long to wait before a model call is tried again."""

from __future__ import annotations

import email.utils
import math
import random
import time
from collections.abc import Mapping

LONGEST_WAIT = 20.0
"""Seconds; a provider that asks for more gets no second attempt from us, its wish is passed on instead."""

_FIRST_DELAY = 0.5
_MAX_DELAY = 8.0


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """What ``Retry-After`` asks for, in seconds: given as a number or as an HTTP date. None if it says nothing."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def delay_before(attempt: int, asked: float | None, deadline: float) -> float | None:
    """Seconds to wait before the ``attempt``-th repetition (from 1); None if it is not worth waiting.

    The delay doubles from 0.5 s to 8 s and up to a quarter of it is left away by chance, so that the calls of
    many runs do not come back together. ``deadline`` is on the monotonic clock.
    """
    delay = min(_MAX_DELAY, _FIRST_DELAY * float(2 ** (attempt - 1))) * random.uniform(0.75, 1.0)
    if asked is not None:
        delay = max(asked, delay if asked == 0 else 0.0)
    if not delay <= LONGEST_WAIT or time.monotonic() + delay >= deadline:
        return None
    return delay
