"""Which store a URL means."""

from __future__ import annotations

from ..errors import ConfigError
from .base import ConversationStore
from .memory import MemoryStore


def open_store(url: str) -> ConversationStore:
    """The store of a URL: ``memory://``.

    Connects to nothing yet. Raises :class:`ConfigError` for any other URL.
    """
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return MemoryStore()
    raise ConfigError(f"AGENT_API_STORE: there is no store for {scheme!r}; use memory://")
