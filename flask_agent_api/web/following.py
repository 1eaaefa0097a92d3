"""Follows an answer that any worker is recording, or has recorded."""

from __future__ import annotations

import time

from flask import Response

from ..concurrency import sleep
from ..conversations.answers import Answer
from ..conversations.answers import Opening
from ..conversations.base import ConversationStore
from ..conversations.base import LogKey
from ..conversations.base import StoreUnavailable
from ..errors import AgentAPIError
from ..errors import AnswerLost
from ..errors import KeyInUse
from ..runtime.cancel_reason import CancelReason
from ..runtime.in_flight import Place
from ..slot import Closed
from .chunks import DONE
from .chunks import error_frame

LOOK_SECONDS = 0.15
"""How often the store is asked whether there is more."""

REPLAYED = {"Idempotency-Replayed": "true"}
"""Header of an answer, or of a part of one, that was made for an earlier request. The same as Stripe's."""


def replayed(answer: Answer, after: int) -> Response:
    """A recorded answer, byte for byte; of a stream what comes after its first ``after`` events."""
    opening, body = answer.opening, b"".join(answer.pieces)
    if opening is None:
        raise AnswerLost
    if opening.is_stream:
        body, _ = without_events(body, after)
    return Response(body, opening.status, {**opening.headers, **REPLAYED})


def without_events(piece: bytes, count: int) -> tuple[bytes, int]:
    """A piece of a stream without its first ``count`` events, and how many of them are still to be left out."""
    begin = 0
    while count and (end := piece.find(b"\n\n", begin)) >= 0:
        begin, count = end + 2, count - 1
    return piece[begin:], count


class StoredSource:
    """An answer that is still recorded. See :class:`~.followed.Source`.

    ``answer`` is what was read of it, from ``entries`` entries. ``after`` events of it are known to the client, which
    has a ``place`` as long as it follows.
    """

    def __init__(
        self, store: ConversationStore, key: LogKey, answer: Answer, entries: int, after: int, place: Place
    ) -> None:
        self._store = store
        self._key = key
        self._answer = answer
        self._entries = entries
        self._after = after
        self._left = False
        self._reason: CancelReason | None = None
        self._error: AgentAPIError | None = None
        self._place = place
        place.hold(self)

    def opening(self, seconds: float) -> Opening | None:
        """As in the protocol. Raises :class:`AgentAPIError` if there will be none."""
        until = time.monotonic() + seconds
        while self._answer.opening is None and not self._left and time.monotonic() < until:
            self._look()
            if self._error is not None:
                raise self._error
        return self._answer.opening

    def get(self, timeout: float) -> bytes | None:
        until = time.monotonic() + timeout
        while not self._left:
            if piece := self._taken():
                return piece
            if self._error is not None:
                return self._last()
            if self._answer.ended:
                break
            if time.monotonic() >= until:
                return None
            self._look()
        raise Closed

    def leave(self) -> None:
        self._left = True
        self._place.leave()

    def cancel(self, reason: CancelReason) -> None:
        """Ends the following, not the run: this worker is about to end."""
        self._reason = reason

    def _taken(self) -> bytes:
        pieces, self._answer.pieces = self._answer.pieces, []
        piece, self._after = without_events(b"".join(pieces), self._after)
        return piece

    def _last(self) -> bytes:
        error, self._error = self._error, None
        self._answer.ended = True
        return (error_frame(error) + DONE).encode() if error is not None else b""

    def _look(self) -> None:
        """Waits a moment and reads what is new; the first error is what the client gets."""
        sleep(LOOK_SECONDS)
        try:
            log = self._store.read(self._key, self._entries)
            self._answer.add(log.entries)
            self._entries += len(log.entries)
            if self._answer.lost or (not self._answer.ended and not log.leased):
                self._error = self._why_lost()
        except StoreUnavailable as exc:
            self._error = exc
        except (ValueError, TypeError):
            self._error = AnswerLost()
        if self._reason is not None and not self._answer.ended:
            self._error = self._reason.error()

    def _why_lost(self) -> AgentAPIError:
        """The key is free again if the run failed before it did anything."""
        return AnswerLost() if self._store.read(self._key).entries else KeyInUse()
