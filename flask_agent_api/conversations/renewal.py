"""Work that is done again and again for as long as something is held."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import Context

from ..concurrency import sleep
from ..concurrency import spawn

logger = logging.getLogger("flask_agent_api.conversations")


class Renewal:
    """Calls ``renew`` in a task of its own for as long as ``held`` returns something. Safe in threads.

    ``seconds`` tells how long to wait before each call. A call that fails is logged, and is not the last.
    """

    def __init__(self, held: Callable[[], object], renew: Callable[[], object], seconds: Callable[[], float]) -> None:
        self._held = held
        self._renew = renew
        self._seconds = seconds
        self._lock = threading.Lock()
        self._goes_on = False

    def begin(self) -> None:
        """To be called when something has come to be held: it is renewed from now on."""
        with self._lock:
            begins, self._goes_on = not self._goes_on, True
        if begins:
            Context().run(spawn, self._work)  # it outlives the request that it happens to begin in

    def _work(self) -> None:
        while True:
            sleep(self._seconds())
            with self._lock:
                if not self._held():
                    self._goes_on = False
                    return
            try:
                self._renew()
            except Exception:
                logger.exception("leases could not be renewed")
