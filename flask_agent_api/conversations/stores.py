"""Which store a URL means."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping

from ..errors import ConfigError
from .base import ConversationStore
from .memory import MemoryStore

KINDS = "memory://"
"""What there is, for whoever has to choose."""


def open_store(url: str, data_dir: str) -> ConversationStore:
    """The store of a URL; ``data_dir`` is the folder for files that it names without a folder.

    Connects to nothing yet. Raises :class:`ConfigError` for a URL that means no store; a password in it stays unsaid.
    """
    scheme = url.partition(":")[0]
    if scheme not in _MAKERS:
        raise ConfigError(f"AGENT_API_STORE: there is no store for {scheme!r}; use {KINDS}")
    return _MAKERS[scheme](url, data_dir)


def _memory(url: str, data_dir: str) -> ConversationStore:
    return MemoryStore()


_MAKERS: Mapping[str, Callable[[str, str], ConversationStore]] = {"memory": _memory}
