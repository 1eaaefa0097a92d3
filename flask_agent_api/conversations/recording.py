"""Writes an answer into its log while it is made."""

from __future__ import annotations

import logging
import threading

from ..errors import KeyInUse
from .answers import end_entry
from .answers import Head
from .answers import Opening
from .answers import piece_entry
from .base import LeaseLost
from .base import LogBusy
from .base import LogKey
from .base import StoreUnavailable
from .base import Write
from .leases import Leases
from .leases import Told

logger = logging.getLogger("flask_agent_api.conversations")

_FORGET_SECONDS = 1.0


class Recording:
    """One answer, from the lease of its log to the end. An answer of more than ``most`` bytes is not kept.

    A store that fails on the way costs the client nothing but the repetition: the head is there, so the run is never
    made twice.
    """

    def __init__(self, leases: Leases, key: LogKey, ttl: float, most: int) -> None:
        self._leases = leases
        self._key = key
        self._ttl = ttl
        self._left = most
        self._lock = threading.Lock()
        self._revision = 0
        self._written = 0
        self._new: list[bytes] = []
        self._is_kept = True

    def begin(self, head: Head, told: Told) -> None:
        """Claims the key, before anything is done for it. ``told`` is as in :meth:`Leases.take`.

        Raises :class:`KeyInUse` if another was faster, and :class:`StoreUnavailable`.
        """
        try:
            log = self._leases.take(self._key, told)
        except LogBusy:
            raise KeyInUse from None
        self._revision = log.revision
        try:
            if log.entries:
                raise KeyInUse
            self._write([head.entry()], release=False)
        except LeaseLost:
            raise KeyInUse from None
        except Exception:
            self._leases.give_back(self._key)
            raise

    def open(self, opening: Opening) -> None:
        """How the response begins."""
        self._new.append(opening.entry())

    def add(self, piece: bytes) -> None:
        """A piece of the body."""
        self._left -= len(piece)
        if self._left >= 0:
            self._new.append(piece_entry(piece))
        elif self._is_kept:
            self._is_kept = False
            logger.warning("an answer is too long to be kept for its Idempotency-Key")

    def save(self) -> None:
        """Writes what is new, for those who follow."""
        with self._lock:
            if self._new and self._is_kept:
                self._try(release=False)

    def finish(self) -> None:
        """Writes what is left, and the end."""
        with self._lock:
            if not self._is_kept:
                self._written, self._new = min(self._written, 1), []
            self._new.append(end_entry(self._is_kept))
            self._try(release=True)
            self._leases.give_back(self._key)

    def free(self) -> None:
        """Forgets the request: it may be made again."""
        with self._lock:
            self._written, self._new = 0, []
            self._try(release=True)
            self._leases.give_back(self._key)

    def _try(self, release: bool) -> None:
        entries, self._new = self._new, []
        try:
            self._write(entries, release)
        except (LeaseLost, StoreUnavailable):
            self._is_kept = False
            logger.warning("an answer could not be kept for its Idempotency-Key")

    def _write(self, entries: list[bytes], release: bool) -> None:
        ttl = self._ttl if self._written or entries else _FORGET_SECONDS
        self._leases.write(self._key, Write(self._revision, self._written, entries, ttl, release))
        self._revision += 1
        self._written += len(entries)
