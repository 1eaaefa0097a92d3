"""Names of tools as model APIs take them."""

from __future__ import annotations

import re

_MOST = 64
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


def fit_name(name: str) -> str:
    """The name in letters, digits, ``_`` and ``-``, 64 of them at the most."""
    return _NOT_IN_NAMES.sub("_", name)[:_MOST]
