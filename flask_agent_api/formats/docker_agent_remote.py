"""What a docker-agent file from elsewhere may not say about models."""

from __future__ import annotations

from .origin import Origin
from .section import Section

_CHOOSE_ADDRESSES = ("base_url", "token_key", "headers", "env")


def refuse_addresses(top: Section, origin: Origin) -> None:
    """Raises :class:`ConfigError` where a file that is not trusted says which address gets conversations or keys.

    Models of the known providers are called at their own addresses, with the operator's keys.
    """
    if origin.trusted:
        return
    for kind in ("models", "providers"):
        entries = top.section(kind)
        for name in entries.data:
            entry = entries.section(name)
            for key in _CHOOSE_ADDRESSES:
                if entry.has(key):
                    raise entry.error(key, origin.refusal("This field"))
