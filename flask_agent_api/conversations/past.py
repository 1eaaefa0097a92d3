"""What agents may see of their callers' other conversations."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence

from ..context import PastConversation
from ..errors import ToolError
from .base import ConversationStore
from .base import Log
from .base import LogInfo
from .base import LogKey
from .base import StoreUnavailable
from .conversation import Turn

LOOKED_AT = 500
"""Conversations of a caller that are looked at, the latest ones."""

READ_BYTES = 4 * 1024 * 1024
"""What is read of conversations that are listed; of those beyond that only the bare facts are known."""


class CallersConversations:
    """Those of one caller with one agent, without the ``current`` one. Raises :class:`ToolError` without its store."""

    def __init__(self, store: Callable[[], ConversationStore], key: LogKey) -> None:
        self._store = store
        self._current = key

    def list(self, limit: int) -> Sequence[PastConversation]:
        """The latest, the one that was used last first."""
        left, found = READ_BYTES, []
        for info in self._infos()[:limit]:
            left -= info.size
            found.append(_past(info, self._log(info.key) if left >= 0 else None))
        return found

    def read(self, id: str) -> PastConversation | None:
        """The one of that id; None if there is none."""
        info = next((info for info in self._infos() if info.key.id == id), None)
        return _past(info, self._log(info.key)) if info else None

    def _infos(self) -> Sequence[LogInfo]:
        key = self._current
        try:
            infos = self._store().list(key.kind, key.principal, LOOKED_AT)
        except StoreUnavailable as exc:
            raise ToolError("earlier conversations cannot be reached at the moment") from exc
        return [info for info in infos if info.key.agent == key.agent and info.key.id != key.id and info.entries]

    def _log(self, key: LogKey) -> Log:
        try:
            return self._store().read(key)
        except StoreUnavailable as exc:
            raise ToolError("earlier conversations cannot be reached at the moment") from exc


def _past(info: LogInfo, log: Log | None) -> PastConversation:
    turns = [Turn.of(entry) for entry in log.entries] if log else []
    messages = [message for turn in turns for message in (*turn.sent, *turn.added)]
    return PastConversation(info.key.id, info.created, messages, len(messages) if log else 2 * info.entries)
