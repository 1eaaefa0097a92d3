"""Names of tools as model APIs take them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

_MOST = 64
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


def fit_name(name: str, taken: Collection[str] = ()) -> str:
    """The name in letters, digits, ``_`` and ``-``, 64 of them at the most.

    One that is too long, or that would be one of the ``taken``, ends in a mark of its own instead, always the same.
    """
    fit = _NOT_IN_NAMES.sub("_", name)
    if len(fit) <= _MOST and fit not in taken:
        return fit
    mark = hashlib.blake2b(name.encode(errors="replace"), digest_size=4).hexdigest()
    return f"{fit[: _MOST - len(mark) - 1]}_{mark}"
