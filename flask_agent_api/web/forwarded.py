"""The headers of a request that agents' tools may pass on."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from typing import Any


def forwarded_headers(environ: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """Those of ``names``, in lower case, that a WSGI request has; no other leaves the request."""
    keys = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in names}
    return {name: environ[key] for name, key in keys.items() if key in environ}
