"""What one process keeps in its store: opened when it is first needed, and tidied up now and then."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping
from contextvars import Context

from ..concurrency import spawn
from .base import ConversationStore
from .base import StoreUnavailable
from .leases import Leases

logger = logging.getLogger("flask_agent_api.conversations")

PRUNE_SECONDS = 600.0
"""How often a process that uses its store forgets what is too old, or too much."""


class Keeper:
    """A store and this process's leases in it. ``most`` is how many logs of each kind are kept."""

    def __init__(self, store: ConversationStore, most: Mapping[str, int]) -> None:
        self.leases = Leases(store)
        self._store = store
        self._most = most
        self._prune_at = time.monotonic() + random.uniform(0.0, PRUNE_SECONDS)  # workers start together

    @property
    def store(self) -> ConversationStore:
        """The store. To ask for it is to use it: from time to time old logs are then forgotten, by another task."""
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_SECONDS
            Context().run(spawn, self._prune)
        return self._store

    def _prune(self) -> None:
        for kind, most in self._most.items():
            try:
                if forgotten := self._store.prune(kind, most):
                    logger.info("%d logs of kind %s were forgotten", forgotten, kind)
            except StoreUnavailable:
                return
            except Exception:
                logger.exception("old logs of kind %s could not be forgotten", kind)
