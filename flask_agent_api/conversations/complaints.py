"""Why a store fails, in the log, and not for each request that finds out."""

from __future__ import annotations

import logging
import time

SAME_AGAIN_SECONDS = 60.0
"""After so long the same cause is logged again."""

logger = logging.getLogger("flask_agent_api.conversations")


class Complaints:
    """Logs why the store at ``place`` fails: each cause once a minute at the most. ``place`` holds no password."""

    def __init__(self, place: object) -> None:
        self._place = place
        self._said: dict[str, float] = {}

    def say(self, exc: Exception) -> None:
        """Logs what went wrong."""
        cause, now = f"{type(exc).__name__}: {exc}", time.monotonic()
        if now - self._said.get(cause, -SAME_AGAIN_SECONDS) < SAME_AGAIN_SECONDS:
            return
        if len(self._said) > 100:  # causes that name what is different each time
            self._said.clear()
        self._said[cause] = now
        logger.error("Conversations cannot be kept in %s: %s", self._place, cause)
