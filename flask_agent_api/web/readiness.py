"""Whether a process can serve: its agents are loaded, its store answers, and it is not about to end."""

from __future__ import annotations

import logging
import time

from ..conversations.base import LogKey
from .service import Service

logger = logging.getLogger("flask_agent_api.health")

STORE_SECONDS = 1.0
"""How long an answer of the store holds: whoever asks more often learns nothing new, and costs nothing."""

_KEY = LogKey("health", "", "", "")


class Readiness:
    """That of one registration in one process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._asked = -STORE_SECONDS
        self._answers = True
        self._said = ""

    def ready(self) -> bool:
        """Whether it can serve. Why it cannot is logged once."""
        reason = self._reason()
        if reason and reason != self._said:
            logger.warning("not ready: %s", reason)
        self._said = reason
        return not reason

    def _reason(self) -> str:
        try:
            self._service.in_flight.require_open()
            len(self._service.registry)
        except Exception as exc:
            return str(exc)
        return "" if self._store_answers() else "the store cannot be reached"

    def _store_answers(self) -> bool:
        if time.monotonic() >= self._asked + STORE_SECONDS:
            self._asked = time.monotonic()  # at once: others need not wait for the same
            try:
                self._service.store.read(_KEY)
                self._answers = True
            except Exception as exc:
                logger.debug("the store does not answer: %r", exc)
                self._answers = False
        return self._answers
