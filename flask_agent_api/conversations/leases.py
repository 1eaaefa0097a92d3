"""The leases that a process holds: renewed as long as their runs go on."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable

from .base import ConversationStore
from .base import LeaseState
from .base import Log
from .base import LogBusy
from .base import LogKey
from .base import StoreUnavailable
from .base import Write
from .renewal import Renewal

logger = logging.getLogger("flask_agent_api.conversations")

LEASE_SECONDS = 20.0
"""How long a lease lasts whose holder has died."""

RENEW_SECONDS = 2.0
"""How often leases are renewed, and who holds them learns that it is not wanted any more."""

Told = Callable[[LeaseState], object]
"""Is called once, when a lease is lost or its holder is not wanted any more. It must not wait."""


class Leases:
    """Holds leases of one store for the runs of one process. Safe in threads."""

    def __init__(self, store: ConversationStore) -> None:
        self.store = store
        self._owner = uuid.uuid4().hex
        self._held: dict[LogKey, Told] = {}
        self._lock = threading.Lock()
        self._renewal = Renewal(lambda: self._held, self._renew_all, lambda: RENEW_SECONDS)

    def __len__(self) -> int:
        return len(self._held)

    def take(self, key: LogKey, told: Told) -> Log:
        """Takes a lease, which is renewed from now on, and returns its log.

        Raises :class:`LogBusy`, also if another run of this process has it, and :class:`StoreUnavailable`.
        """
        with self._lock:
            if key in self._held:
                raise LogBusy
            self._held[key] = told
        log: Log | None = None
        try:
            log = self.store.lease(key, self._owner, LEASE_SECONDS)
        finally:
            if log is None:
                del self._held[key]
        self._renewal.begin()
        return log

    def write(self, key: LogKey, write: Write) -> None:
        """Changes a log. Raises :class:`LeaseLost` and :class:`StoreUnavailable`; the lease is held on then."""
        self.store.write(key, self._owner, write)
        if write.release:
            self._held.pop(key, None)

    def give_back(self, key: LogKey) -> None:
        """Ends a lease, if it is held. Never raises: one that cannot be given back runs out."""
        if self._held.pop(key, None) is not None:
            try:
                self.store.release(key, self._owner)
            except StoreUnavailable:
                logger.warning("the lease of %s ends by itself in %g s", key.id, LEASE_SECONDS)
            except Exception:
                logger.exception("the lease of %s ends by itself in %g s", key.id, LEASE_SECONDS)

    def cancel(self, key: LogKey) -> bool:
        """Tells who holds a lease that it is not wanted any more: here at once, elsewhere when it is renewed.

        False if nobody holds it. Raises :class:`StoreUnavailable`.
        """
        if (told := self._held.get(key)) is not None:
            told(LeaseState.UNWANTED)
            return True
        return self.store.cancel(key)

    def _renew_all(self) -> None:
        """A store that cannot be reached may be there the next time."""
        try:
            states = self.store.renew(list(self._held), self._owner, LEASE_SECONDS)
        except StoreUnavailable:
            return
        for key, state in states.items():
            if state is not LeaseState.HELD and (told := self._held.get(key)) is not None:
                told(state)
