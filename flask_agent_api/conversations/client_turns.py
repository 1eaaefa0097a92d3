"""What agents did in turns that wait for the client's tools, kept until the client comes back with their results.

The client's history has the calls it was given, and nothing of the server's tools that ran in the same turn. A turn's
messages are kept here under the ids of those calls.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..types import Message

MAX_TURNS = 10_000
"""Turns that a process keeps, at the most. The one that was not asked for the longest goes first."""

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of all turns together, as JSON."""

TTL_SECONDS = 24 * 3600.0
"""How long a turn is kept that nobody asks for."""


class ClientTurnStore(Protocol):
    """Keeps turns by principal, agent and the ids of the calls that were handed out."""

    def save(self, principal: str, agent: str, call_ids: Sequence[str], messages: Sequence[Message]) -> None:
        """Keeps the messages of a turn. A turn without calls is not kept."""
        ...

    def find(self, principal: str, agent: str, call_ids: Sequence[str]) -> list[Message] | None:
        """The messages of the turn that has all these calls; None if there is none, or it was forgotten."""
        ...


@dataclass(frozen=True, slots=True)
class AgentTurns:
    """A store as one run sees it: the turns of one agent with one caller, by their ids for logs and clients."""

    store: ClientTurnStore
    principal: str
    agent: str

    def save(self, call_ids: Sequence[str], messages: Sequence[Message]) -> None:
        """See :class:`ClientTurnStore`."""
        self.store.save(self.principal, self.agent, call_ids, messages)

    def find(self, call_ids: Sequence[str]) -> list[Message] | None:
        """See :class:`ClientTurnStore`."""
        return self.store.find(self.principal, self.agent, call_ids)


@dataclass(slots=True)
class _Turn:
    keys: tuple[tuple[str, str, str], ...]
    data: bytes
    used: float


class MemoryClientTurns:
    """Turns in this process's memory, within limits of number, bytes and age.

    A turn larger than all of ``max_bytes`` is not kept. Safe in threads.
    """

    def __init__(
        self, max_turns: int = MAX_TURNS, max_bytes: int = MAX_BYTES, ttl_seconds: float = TTL_SECONDS
    ) -> None:
        self._max_turns = max_turns
        self._max_bytes = max_bytes
        self._ttl = ttl_seconds
        self._bytes = 0
        self._turns: OrderedDict[tuple[tuple[str, str, str], ...], _Turn] = OrderedDict()  # the longest unused first
        self._by_call: dict[tuple[str, str, str], _Turn] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._turns)

    def save(self, principal: str, agent: str, call_ids: Sequence[str], messages: Sequence[Message]) -> None:
        """See :class:`ClientTurnStore`. Later changes of the messages are not seen."""
        keys = tuple((principal, agent, call_id) for call_id in call_ids)
        turn = _Turn(keys, json.dumps(list(messages), separators=(",", ":")).encode(), time.monotonic())
        if not keys or len(turn.data) > self._max_bytes:
            return
        with self._lock:
            for old in [self._by_call[key] for key in keys if key in self._by_call]:
                self._forget(old)
            self._turns[keys] = turn
            self._by_call.update(dict.fromkeys(keys, turn))
            self._bytes += len(turn.data)
            self._make_room(turn.used)

    def find(self, principal: str, agent: str, call_ids: Sequence[str]) -> list[Message] | None:
        """See :class:`ClientTurnStore`. What is found is kept for another while."""
        keys = [(principal, agent, call_id) for call_id in call_ids]
        with self._lock:
            now = time.monotonic()
            self._make_room(now)
            turn = self._by_call.get(keys[0]) if keys else None
            if turn is None or not set(keys) <= set(turn.keys):
                return None
            turn.used = now
            self._turns.move_to_end(turn.keys)
        messages: list[Message] = json.loads(turn.data)
        return messages

    def _make_room(self, now: float) -> None:
        while self._turns:
            oldest = next(iter(self._turns.values()))
            fits = len(self._turns) <= self._max_turns and self._bytes <= self._max_bytes
            if fits and now - oldest.used <= self._ttl:
                return
            self._forget(oldest)

    def _forget(self, turn: _Turn) -> None:
        if self._turns.pop(turn.keys, None) is None:
            return
        self._bytes -= len(turn.data)
        for key in turn.keys:
            self._by_call.pop(key, None)
