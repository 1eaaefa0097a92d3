"""Which store a URL means."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

from ..errors import ConfigError
from .base import ConversationStore
from .memory import MemoryStore
from .sqlite import SQLiteStore

DEFAULT = "sqlite:///conversations.sqlite3"
"""What no URL means."""

KINDS = "sqlite:///FILE, sqlite:////FOLDER/FILE, redis://HOST:PORT/DATABASE or memory://"
"""What there is, for whoever has to choose."""


def open_store(url: str, data_dir: str) -> ConversationStore:
    """The store of a URL; ``data_dir`` is the folder for files that it names without a folder.

    Connects to nothing yet. Raises :class:`ConfigError` for a URL that means no store; a password in it stays unsaid.
    """
    url = url or DEFAULT
    scheme = url.partition(":")[0]
    if scheme not in _MAKERS:
        raise ConfigError(f"AGENT_API_STORE: there is no store for {scheme!r}; use {KINDS}")
    return _MAKERS[scheme](url, data_dir)


def is_redis(url: str) -> bool:
    """Whether a URL means Redis, which several machines can share."""
    return _MAKERS.get(url.partition(":")[0]) is _redis


def _memory(url: str, data_dir: str) -> ConversationStore:
    return MemoryStore()


def _sqlite(url: str, data_dir: str) -> ConversationStore:
    """As SQLAlchemy has it: after three slashes a path in the folder, after four one from the root."""
    name = url.removeprefix("sqlite:///")
    if name == url or name in {"", "/"} or "?" in name or ":memory:" in name:
        raise ConfigError(f"AGENT_API_STORE: {url!r} names no file; use {KINDS}")
    if not data_dir and not name.startswith("/"):
        raise ConfigError("AGENT_API_STORE: conversations need AGENT_API_DATA_DIR, or a path with four slashes")
    return SQLiteStore(Path(data_dir, name).absolute())


def _redis(url: str, data_dir: str) -> ConversationStore:
    try:
        from .redis import RedisStore
    except ModuleNotFoundError as exc:
        raise ConfigError(f"AGENT_API_STORE: needs {exc.name}: pip install 'flask-agent-api[redis]'") from exc
    return RedisStore(url)


_MAKERS: Mapping[str, Callable[[str, str], ConversationStore]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "redis": _redis,
    "rediss": _redis,
    "unix": _redis,
}
