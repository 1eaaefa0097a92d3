"""The leases that a process holds: renewed as long as their runs go on."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(slots=True, eq=False)
class _Lease:
    """What a run holds. ``sure``: the store has it, and nobody is about to give it up; only then is it renewed."""

    told: Told
    sure: bool = False


class Leases:
    """Holds leases of one store for the runs of one process. Safe in threads."""

    def __init__(self, store: ConversationStore) -> None:
        self.store = store
        self._owner = uuid.uuid4().hex
        self._held: dict[LogKey, _Lease] = {}
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
            self._held[key] = lease = _Lease(told)
        try:
            log = self.store.lease(key, self._owner, LEASE_SECONDS)
            lease.sure = True
        finally:
            if not lease.sure:
                del self._held[key]
        self._renewal.begin()
        return log

    def write(self, key: LogKey, write: Write) -> None:
        """Changes a log. Raises :class:`LeaseLost` and :class:`StoreUnavailable`; the lease is held on then."""
        lease, released = self._held.get(key), False
        if lease is not None and write.release:
            lease.sure = False
        try:
            self.store.write(key, self._owner, write)
            released = write.release
        finally:
            if released:
                self._held.pop(key, None)
            elif lease is not None:
                lease.sure = True

    def give_back(self, key: LogKey) -> None:
        """Ends a lease, if it is held. Never raises: one that cannot be given back runs out.

        Nobody here can take it before the store has done so: that would be ended, too.
        """
        lease = self._held.get(key)
        if lease is None or not lease.sure:
            return
        lease.sure = False
        try:
            self.store.release(key, self._owner)
        except StoreUnavailable:
            logger.warning("the lease of %s ends by itself in %g s", key.id, LEASE_SECONDS)
        except Exception:
            logger.exception("the lease of %s ends by itself in %g s", key.id, LEASE_SECONDS)
        finally:
            self._held.pop(key, None)

    def cancel(self, key: LogKey) -> bool:
        """Tells who holds a lease that it is not wanted any more: here at once, elsewhere when it is renewed.

        False if nobody holds it. Raises :class:`StoreUnavailable`.
        """
        if (lease := self._held.get(key)) is not None:
            lease.told(LeaseState.UNWANTED)
            return True
        return self.store.cancel(key)

    def _renew_all(self) -> None:
        """A store that cannot be reached may be there the next time.

        What it says is about the leases that were held when it was asked. Meanwhile runs end, and the next ones take
        the same conversations.
        """
        held = {key: lease for key, lease in list(self._held.items()) if lease.sure}
        try:
            states = self.store.renew(list(held), self._owner, LEASE_SECONDS) if held else {}
        except StoreUnavailable:
            return
        for key, state in states.items():
            lease = held[key]
            if state is not LeaseState.HELD and lease.sure and self._held.get(key) is lease:
                lease.told(state)
