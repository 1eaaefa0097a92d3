"""What agents did in turns that wait for the client's tools, kept until the client comes back with their results.

The client's history has the calls it was given, and nothing of the server's tools that ran in the same turn. A turn's
messages are kept here under the ids of those calls.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ..types import Message
from .base import ConversationStore
from .base import LogBusy
from .base import LogKey
from .base import StoreUnavailable
from .base import Write

logger = logging.getLogger("flask_agent_api.conversations")

KIND = "turn"

MAX_TURNS = 10_000
"""Calls whose turns are kept, at the most. The one that was not asked for the longest goes first."""

MAX_BYTES = 4 * 1024 * 1024
"""Bytes of one turn, as JSON. A longer one is not kept."""

TTL_SECONDS = 24 * 3600.0
"""How long a turn is kept."""

_WRITE_SECONDS = 10.0


class AgentTurns:
    """The turns of one agent with one caller, as one request sees them.

    They are a convenience: where the store fails, the client's own history has to do.
    """

    def __init__(self, store: Callable[[], ConversationStore], principal: str, agent: str) -> None:
        self._store = store
        self._principal = principal
        self._agent = agent
        self._read: dict[str, bytes] = {}

    def save(self, call_ids: Sequence[str], messages: Sequence[Message]) -> None:
        """Keeps the messages under the first id, and under the others where they are. Without ids nothing is kept."""
        turn = _packed({"calls": list(call_ids), "messages": list(messages)})
        if len(turn) > MAX_BYTES:
            logger.warning("a turn of agent %s that waits for the client's tools is too long to be kept", self._agent)
            return
        try:
            for id in call_ids:
                self._write(id, turn if id == call_ids[0] else _packed({"of": call_ids[0]}))
        except (StoreUnavailable, LogBusy):
            logger.warning("a turn of agent %s that waits for the client's tools is not kept", self._agent)

    def find(self, call_ids: Sequence[str]) -> list[Message] | None:
        """The messages of the turn that has all these calls; None if there is none, or it was forgotten."""
        try:
            turn = self._find(call_ids[0]) if call_ids else {}
            turn = self._find(str(turn["of"])) if "of" in turn else turn
        except (StoreUnavailable, ValueError):
            logger.warning("what agent %s did before the client's tools cannot be read", self._agent)
            return None
        return list(turn["messages"]) if turn and set(call_ids) <= set(turn["calls"]) else None

    def _write(self, id: str, entry: bytes) -> None:
        store, key, owner = self._store(), self._key(id), uuid.uuid4().hex
        log = store.lease(key, owner, _WRITE_SECONDS)
        store.write(key, owner, Write(log.revision, 0, [entry], TTL_SECONDS))

    def _find(self, id: str) -> Mapping[str, Any]:
        if id not in self._read:
            self._read[id] = b"".join(self._store().read(self._key(id)).entries[:1])
        turn: Mapping[str, Any] = json.loads(self._read[id] or b"{}")
        return turn

    def _key(self, id: str) -> LogKey:
        return LogKey(KIND, self._principal, self._agent, id)


def _packed(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
