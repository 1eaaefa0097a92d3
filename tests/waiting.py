"""Waiting for a state instead of a time."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(predicate: Callable[[], object], seconds: float = 30.0) -> float:
    """Returns how long it took until ``predicate`` held; fails after ``seconds``, which only a busy machine needs."""
    start = time.monotonic()
    while not predicate():
        assert time.monotonic() < start + seconds, "the state that the test waits for did not come"
        time.sleep(0.002)
    return time.monotonic() - start
