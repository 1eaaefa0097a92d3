"""One turn of a conversation that is kept: lease, run, commit."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from ..concurrency import sleep
from ..conversations.base import LeaseLost
from ..conversations.base import LeaseState
from ..conversations.base import Log
from ..conversations.base import LogBusy
from ..conversations.base import LogKey
from ..conversations.base import StoreUnavailable
from ..conversations.base import Write
from ..conversations.conversation import continued
from ..conversations.conversation import Turn
from ..conversations.conversation import turns_of
from ..conversations.leases import Leases
from ..errors import ConversationBusy
from ..errors import ConversationChanged
from ..errors import NO_RETRY
from ..errors import RequestError
from ..transcript import Transcript
from ..types import RunRequest
from .cancel_reason import CancelReason
from .cancel_reason import REQUESTED

LOST = CancelReason(ConversationChanged.code, "The conversation was changed while the agent was at work on it.", 409)

_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """How large and how old a conversation may become: turns, bytes, and seconds; an age of 0 is no limit.

    ``ttl`` is how many seconds it is kept after its last turn, ``wait`` how many a request waits for its turn.
    """

    turns: int
    size: int
    age: float
    ttl: float
    wait: float


class ConversationTurn:
    """A turn from the lease of its conversation to the commit. See :class:`~flask_agent_api.runtime.run.Turn`.

    ``answer`` is the log that its answer is recorded in, if it is: it is forgotten with the conversation.
    """

    def __init__(
        self, leases: Leases, key: LogKey, limits: Limits, transcript: Transcript, answer: LogKey | None = None
    ) -> None:
        self._leases = leases
        self._key = key
        self._limits = limits
        self._transcript = transcript
        self._recorded = [answer.agent, answer.id] if answer else []
        self._revision = 0
        self._began = time.time()
        self._continued = continued([], [])
        self._cancel: Callable[[CancelReason], None] | None = None

    def begin(self, request: RunRequest, cancel: Callable[[CancelReason], None]) -> RunRequest:
        """Takes the lease, and gives the request with what is kept of the conversation. Call :meth:`end` after that.

        ``cancel`` is called when the conversation is not the run's own any more, or somebody asks for it. Raises
        :class:`ConversationBusy`, :class:`StoreUnavailable`, and :class:`RequestError` for a conversation that is full.
        """
        log = self._leased(time.monotonic() + self._limits.wait)
        self._cancel, self._revision = cancel, log.revision
        try:
            self._continued = go_on = continued(self._turns(log.entries), request.messages)
            self._refuse_full(log.entries[: go_on.keep])
        except Exception:
            self.end()
            raise
        return replace(request, messages=go_on.messages, kept=go_on.kept)

    def commit(self) -> None:
        """Keeps the turn and ends the lease. Raises :class:`ConversationChanged` and :class:`StoreUnavailable`."""
        go_on, added = self._continued, self._transcript.whole()
        answer = self._transcript.answer()
        shown = None if added and added[-1] == answer else answer
        turn = Turn(go_on.sent, added, shown, go_on.alone, recorded=self._recorded)
        ttl = min(self._limits.ttl, self._began + self._limits.age - turn.at) if self._limits.age else self._limits.ttl
        try:
            self._leases.write(self._key, Write(self._revision, go_on.keep, [turn.entry()], ttl))
        except LeaseLost:
            raise ConversationChanged from None
        except StoreUnavailable as exc:
            exc.headers.update(NO_RETRY)  # the agent has done its work
            raise

    def end(self) -> None:
        """Ends the lease if the commit has not. Never raises."""
        self._cancel = None
        self._leases.give_back(self._key)

    def _leased(self, until: float) -> Log:
        while True:
            try:
                return self._leases.take(self._key, self._told)
            except LogBusy:
                if time.monotonic() >= until:
                    raise ConversationBusy from None
            sleep(_LOOK_SECONDS)

    def _told(self, state: LeaseState) -> None:
        if self._cancel is not None:
            self._cancel(LOST if state is LeaseState.LOST else REQUESTED)

    def _turns(self, entries: Sequence[bytes]) -> list[Turn]:
        """The turns, none if the first is too long ago."""
        turns = turns_of(entries, self._key.id)
        if turns:
            self._began = turns[0].at
        if turns and self._limits.age and self._began + self._limits.age < time.time():
            self._began = time.time()
            return []
        return turns

    def _refuse_full(self, kept: Sequence[bytes]) -> None:
        turns, size = self._limits.turns, self._limits.size
        if len(kept) >= turns or sum(map(len, kept)) >= size:
            message = f"This conversation is full: at most {turns} turns and {size} bytes are kept. Begin a new one."
            raise RequestError(message, code="conversation_full")
