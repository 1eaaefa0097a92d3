"""What a docker-agent file may not say about where models are called, and with which keys."""

from __future__ import annotations

from ..origin import is_own
from ..origin import Origin
from ..section import Section

_CHOOSE_ADDRESSES = ("base_url", "token_key", "headers", "env")


def refuse_addresses(top: Section, origin: Origin) -> None:
    """Raises :class:`ConfigError` where a file that is not trusted says which address gets conversations or keys.

    Models of the known providers are called at their own addresses, with the operator's keys. No file at all gets the
    server's own settings sent anywhere as a key.
    """
    for kind in ("models", "providers"):
        entries = top.section(kind)
        for name in entries.data:
            entry = entries.section(name)
            if is_own(entry.text("token_key")):
                raise entry.error("token_key", "the server's own settings are no keys for models")
            for key in _CHOOSE_ADDRESSES:
                if entry.has(key) and not origin.trusted:
                    raise entry.error(key, origin.refusal("This field"))
