"""The keys of clients: how they are made, and how they are stored.

Of a key its SHA-256 is enough to recognise it, so nothing else needs to be stored. A slow hash, as passwords need one,
would protect nothing here: a key that :func:`new_key` makes has 256 random bits, which nobody guesses from a hash, and
it would cost each request milliseconds.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from dataclasses import field

from .allowance import Allowance
from .allowance import UNLIMITED

SHORTEST = 16
"""Characters of a key that somebody has made up."""

ALGORITHM = "sha256"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_LIKE_A_DIGEST = re.compile(r"[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Key:
    """What lets one caller in. ``caller`` names him and is fit for logs: ``key:NAME``.

    A key without a name is named after its digest. ``digests`` are the SHA-256 of what may be sent, several while a key
    is being replaced by another one.
    """

    caller: str
    digests: tuple[bytes, ...] = field(repr=False)
    allowance: Allowance = UNLIMITED


def new_key() -> str:
    """A key that nobody guesses. It begins like OpenAI's, as some clients insist on that."""
    return f"sk-agent-{secrets.token_urlsafe(32)}"


def hash_of(key: str) -> str:
    """What is stored of a key: ``sha256:HEX``."""
    return f"{ALGORITHM}:{hashlib.sha256(key.encode()).hexdigest()}"


def caller_of(name: str) -> str:
    """The id of the caller whose key has a name. It stays when the key itself is replaced. Raises ValueError."""
    if not _NAME.fullmatch(name) or _LIKE_A_DIGEST.fullmatch(name):
        raise ValueError(
            "the name of a key has 1 to 64 letters, digits, dots, underscores, dashes and @, and begins with a letter "
            "or digit; 12 hexadecimal digits alone are kept for keys without a name"
        )
    return f"key:{name}"


def parse_hash(text: str) -> bytes:
    """The digest in ``sha256:HEX``. Raises ValueError, with nothing of the text in it: it may be a key."""
    algorithm, _, digest = text.partition(":")
    if algorithm != ALGORITHM or not _DIGEST.fullmatch(digest):
        raise ValueError(f"expected {ALGORITHM}: and 64 hexadecimal digits, as `flask-agent-api keys new` prints it")
    return bytes.fromhex(digest)


def parse_key(text: str) -> Key:
    """A key as ``AGENT_API_KEYS`` has it: ``NAME:sha256:HEX``, or the key itself. Raises ValueError.

    Clients that write a key as text write Latin-1, as HTTP once said, so both of its forms are known.
    """
    name, colon, hash = text.partition(f":{ALGORITHM}:")
    if colon:
        try:
            return Key(caller_of(name), (parse_hash(f"{ALGORITHM}:{hash}"),))
        except ValueError as exc:
            raise ValueError(f"is not NAME:{ALGORITHM}:HEX: {exc}") from None
    if len(text) < SHORTEST:
        raise ValueError(f"is shorter than {SHORTEST} characters. Make one with: flask-agent-api keys new NAME")
    own, latin = text.encode(), text.encode("latin-1", "replace")
    forms = {own, latin} if max(text) < "\u0100" else {own}
    return Key(_unnamed(own), tuple(hashlib.sha256(form).digest() for form in forms))


def _unnamed(key: bytes) -> str:
    return f"key:{hashlib.sha256(key).hexdigest()[:12]}"
