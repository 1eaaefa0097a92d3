"""The keys that let clients in: those of the settings, and those of a file that may be edited."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

from ..concurrency import offload
from ..context import Principal
from ..errors import ConfigError
from ..formats.edits import Stamp
from ..formats.edits import stamp
from ..formats.keys_file import load_keys
from ..keys import Key
from ..keys import parse_key
from ..params import nearest

logger = logging.getLogger("flask_agent_api.keys")

LOOK_SECONDS = 1.0
"""How often the file is looked at, at the most. Nothing is looked at while nobody asks."""


class Keyring:
    """The keys of one registration. False where keys are not used; a file without keys lets nobody in.

    ``keys`` are those of ``AGENT_API_KEYS``, ``file`` is the path of ``AGENT_API_KEYS_FILE`` or empty. An edit of the
    file counts within a second; one that is wrong is logged, and changes nothing. Raises :class:`ConfigError`.
    """

    def __init__(self, keys: Sequence[str] = (), file: str = "") -> None:
        self._own = [parse_key(key) for key in keys]
        self._file = Path(file).expanduser().absolute() if file else None
        self._stamp: Stamp = None
        self._look_at = 0.0
        self._keys: list[Key] = []
        self._entries: list[tuple[bytes, Principal]] = []
        self._load()

    def __bool__(self) -> bool:
        return bool(self._own) or self._file is not None

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def find(self, sent: bytes) -> Principal | None:
        """Who has the key. Compares with every key, whichever fits, so that the time tells nothing."""
        if self._file is not None and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            self._look(self._file)
        digest = hashlib.sha256(sent).digest()
        fits = [principal for known, principal in self._entries if hmac.compare_digest(known, digest)]
        return fits[0] if fits else None

    def unknown_agents(self, names: Collection[str]) -> list[str]:
        """What is wrong with the agents of keys if the agents are called ``names``: a message for each."""
        return [
            f"The key of {key.caller} names an agent {name!r}, and there is none{nearest(name, names)}"
            for key in self._keys
            for name in key.allowance.agents or ()
            if name not in names and not set("*?[") & set(name)
        ]

    def _look(self, file: Path) -> None:
        try:
            if offload(stamp, file) != self._stamp:
                offload(self._load)
                logger.info("the keys of %s are read again: there are %d now", file, len(self._keys))
        except ConfigError as exc:
            logger.error("the edited keys cannot be used, the old ones go on: %s", exc)

    def _load(self) -> None:
        if self._file is not None:
            self._stamp = stamp(self._file)  # before it is read: an edit in the meantime is one to be seen
        keys = _merged([*self._own, *(load_keys(self._file) if self._file is not None else [])], self._own)
        self._entries = [
            (digest, Principal(key.caller, allowance=key.allowance)) for key in keys for digest in key.digests
        ]
        self._keys = keys


def _merged(keys: Iterable[Key], own: Collection[Key]) -> list[Key]:
    """A key for each caller. Those that the settings name twice are one: a key, and the one that replaces it.

    Raises :class:`ConfigError` for a name, or a hash, that means two.
    """
    merged: dict[str, Key] = {}
    owners: dict[bytes, str] = {}
    for key in keys:
        if (other := merged.get(key.caller)) is not None:
            if key not in own:
                message = f"AGENT_API_KEYS and AGENT_API_KEYS_FILE both have a key of {key.caller}"
                raise ConfigError(f"{message}. Rename one.")
            key = Key(key.caller, tuple(dict.fromkeys([*other.digests, *key.digests])))
        merged[key.caller] = key
        for digest in key.digests:
            if owners.setdefault(digest, key.caller) != key.caller:
                raise ConfigError(f"{owners[digest]} and {key.caller} have the same key. Make one of them anew.")
    return list(merged.values())
