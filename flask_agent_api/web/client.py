"""Ends a run when its client goes away, in silence as well as in the middle of a word, or stops reading."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ..concurrency import client_socket
from ..concurrency import ClientWatch
from ..concurrency import every
from ..per_process import PerProcess

logger = logging.getLogger("flask_agent_api.web")

SWEEP_SECONDS = 0.5
"""How often the writes of all streams are looked at. No write has a timer of its own."""


class ClientWatcher:
    """Watches the client of one request, and calls ``gone`` when it has gone. Close it before the response ends.

    A write of which the client takes nothing for ``write_timeout`` seconds is ended by shutting the connection down,
    under gevent. A client that is slow is not stuck: the kernel may wait for a third of its buffer before a write goes
    on, which takes a slow client a while, so it is asked what it still keeps.

    With ``half_close`` a client may close its sending side and read on. Nothing then tells it from one that has gone,
    so that only a write finds out.
    """

    def __init__(
        self,
        environ: Mapping[str, Any],
        run_id: str,
        gone: Callable[[], object],
        write_timeout: float,
        half_close: bool = False,
    ) -> None:
        self.socket = client_socket(environ)
        """The client's socket, where it may be written to beside the server."""
        self._watch = ClientWatch({} if half_close else environ, gone)
        self._run_id = run_id
        self._gone = gone
        self._write_timeout = write_timeout
        self._write_began = 0.0
        self._writes = False
        self._unsent = 0

    def write_begins(self) -> None:
        """A piece is about to be sent, which waits as long as the client takes nothing."""
        if self.socket is not None:
            self._write_began = time.monotonic()
            self._writes = True
            _writing.get().add(self)

    def write_ended(self) -> None:
        """The piece has been sent."""
        if self._writes:
            self._writes = False
            _writing.get().discard(self)

    def close(self) -> None:
        """Stops watching; harmless when repeated."""
        self._watch.close()
        if self._writes:
            self.write_ended()

    def end_if_stuck(self, now: float) -> None:
        """Shuts the connection down if its client has taken nothing for too long."""
        if self.socket is None:
            return
        if (unsent := self.socket.unsent()) != self._unsent:
            self._unsent, self._write_began = unsent, now
        elif now - self._write_began > self._write_timeout:
            logger.info("run %s: the client does not read, its connection is closed", self._run_id)
            self.close()
            self._gone()
            self.socket.shut_down()


def nobody() -> ClientWatcher:
    """In the place of a client that need not be watched."""
    return ClientWatcher({}, "", lambda: None, 0.0)


def _watch_writes() -> set[ClientWatcher]:
    """The watchers with a write under way in this process, and the sweep that looks at them."""
    writing: set[ClientWatcher] = set()

    def sweep() -> None:
        now = time.monotonic()
        for watcher in list(writing):
            watcher.end_if_stuck(now)

    every(SWEEP_SECONDS, sweep)
    return writing


_writing = PerProcess(_watch_writes)
