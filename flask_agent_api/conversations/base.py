"""The protocol of a store: what lasts from one request to the next, on whichever worker or machine that one arrives.

A store keeps *logs*. A log is a list of entries, bytes that the store does not look into, with a revision that each
write advances. Who writes has to hold the log's *lease*, of which there is one, and which ends by itself when its
holder dies. A conversation is a log with an entry for each turn; so a turn writes what is new in it, and no more.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from ..errors import AgentAPIError


@dataclass(frozen=True, slots=True)
class LogKey:
    """What a log is found by. Another caller's key is another key: whose log it is, is part of it.

    ``kind`` is what it holds, ``principal`` the caller's id, ``agent`` the agent that was asked for, ``id`` the
    caller's own name for it.
    """

    kind: str
    principal: str
    agent: str
    id: str


@dataclass(frozen=True, slots=True)
class Log:
    """A log as it was read. ``revision`` is 0 for one that was never written; ``leased``: somebody holds it.

    :meth:`ConversationStore.read` also tells the times, as in a :class:`LogInfo`.
    """

    revision: int
    entries: list[bytes]
    leased: bool = False
    created: float = 0.0
    used: float = 0.0


NO_LOG = Log(0, [])
"""What is read where there is none."""


@dataclass(frozen=True, slots=True)
class LogInfo:
    """A log in a list. ``size`` is the bytes of all ``entries``; it was ``used`` when it was last written.

    Times are in seconds since 1970.
    """

    key: LogKey
    entries: int
    size: int
    created: float
    used: float


@dataclass(frozen=True, slots=True)
class Write:
    """A change of a log: all of it happens, or nothing.

    The log must have the ``revision``. Its first ``keep`` entries stay, the ``entries`` come behind them. It is
    forgotten ``ttl`` seconds after its last write, unless somebody holds it. With ``release`` the lease ends as well.
    """

    revision: int
    keep: int
    entries: Sequence[bytes]
    ttl: float
    release: bool = True


class LeaseState(Enum):
    """How a holder stands with a lease. Who is ``UNWANTED`` still holds it, and was asked to stop."""

    HELD = "held"
    UNWANTED = "unwanted"
    LOST = "lost"


class LogBusy(Exception):
    """Somebody else holds the log's lease."""


class LeaseLost(Exception):
    """The log is not what its holder takes it for: the lease ran out, it was deleted, or it has another revision."""


class StoreUnavailable(AgentAPIError):
    """The store cannot be reached, or refuses; the cause is in the log."""

    status = 503
    code = "store_unavailable"

    def __init__(self) -> None:
        message = "What this server keeps of conversations cannot be reached at the moment. Try again."
        super().__init__(message, headers={"Retry-After": "5"})


class ConversationStore(Protocol):
    """Keeps logs. One object serves all tasks of a process; it is made in that process, never before a fork.

    Its methods may wait, but never hold up the hub. All raise :class:`StoreUnavailable`, and have then done nothing, or
    something that is harmless to do again. Times are the store's own, so that machines may disagree about them.
    """

    def lease(self, key: LogKey, owner: str, seconds: float) -> Log:
        """Takes the lease for ``seconds`` and returns the whole log. Who holds it already may take it again.

        Raises :class:`LogBusy` if another holds it.
        """
        ...

    def renew(self, keys: Collection[LogKey], owner: str, seconds: float) -> Mapping[LogKey, LeaseState]:
        """Makes leases last for another ``seconds``, and tells of each how its holder stands with it."""
        ...

    def release(self, key: LogKey, owner: str) -> None:
        """Ends a lease, without a trace of a log that was never written. Harmless if it is not held."""
        ...

    def write(self, key: LogKey, owner: str, write: Write) -> None:
        """Changes a log. Raises :class:`LeaseLost` if ``owner`` does not hold it, or it has another revision."""
        ...

    def read(self, key: LogKey, first: int = 0) -> Log:
        """The log with its entries from ``first`` on, whoever holds it; ``NO_LOG`` if there is none."""
        ...

    def cancel(self, key: LogKey) -> bool:
        """Tells who holds the lease that it is ``UNWANTED``; false if nobody does."""
        ...

    def delete(self, key: LogKey) -> bool:
        """Forgets a log, also one that somebody holds, whose write then fails. False if there was none."""
        ...

    def list(self, kind: str, principal: str | None = None, limit: int = 100, offset: int = 0) -> Sequence[LogInfo]:
        """The logs that were ever written, of one caller or of all: the one that was used last comes first."""
        ...

    def prune(self, kind: str, most: int) -> int:
        """Forgets logs whose time is up, and those that were not used for the longest, until there are ``most``.

        None that somebody holds. Returns how many were forgotten.
        """
        ...

    def close(self) -> None:
        """Ends connections. The store may be used again."""
        ...
