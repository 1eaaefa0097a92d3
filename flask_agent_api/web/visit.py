"""A client that waits for a run: watched, and counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..runtime.cancel_reason import CLIENT_GONE
from ..runtime.in_flight import Place
from ..runtime.run import Run
from ..settings import Settings
from .client import ClientWatcher


class Visit(ClientWatcher):
    """Watches the client of a run as long as its place among those in flight is taken."""

    def __init__(self, environ: Mapping[str, Any], run: Run, settings: Settings, place: Place) -> None:
        gone = lambda: run.cancel(CLIENT_GONE)  # noqa: E731
        super().__init__(environ, run.ctx.run_id, gone, settings.write_timeout, settings.half_close)
        self._place = place
        place.hold(run)

    def start(self, run: Run) -> None:
        """Starts the run, with its client watched already. What that raises ends the visit."""
        try:
            run.start()
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Stops watching and makes room for another; harmless when repeated."""
        super().close()
        self._place.leave()
