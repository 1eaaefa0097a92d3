"""Ends a run when its client goes away, in silence as well as in the middle of a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..concurrency import ClientWatch
from ..runtime.run import CLIENT_GONE
from ..runtime.run import Run


class ClientWatcher:
    """Watches the client of one request for one run. Close it before the response ends."""

    def __init__(self, environ: Mapping[str, Any], run: Run) -> None:
        self._watch = ClientWatch(environ, lambda: run.cancel(CLIENT_GONE))

    def close(self) -> None:
        """Stops watching; harmless when repeated."""
        self._watch.close()
