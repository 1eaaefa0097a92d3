"""Which messages went out lately, for each caller: so none goes out twice, and no caller sends too many."""

from __future__ import annotations

import threading
import time

from ...errors import ToolError

SAME_SECONDS = 30.0
"""How long the same message is not sent again."""

PAUSE_SECONDS = 1.0
"""Between two messages of one caller."""

WAIT_SECONDS = 10.0
"""How long a message waits for its turn at the most."""


class Sent:
    """What one process has sent to one receiver. A caller is known by the id of the principal."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lately: dict[tuple[str, bytes], float] = {}
        self._next: dict[str, float] = {}

    def begin(self, caller: str, digest: bytes) -> bool:
        """Notes a message that is about to be sent; False if it was sent lately, or is being sent."""
        now = time.monotonic()
        with self._lock:
            self._lately = {key: at for key, at in self._lately.items() if now - at < SAME_SECONDS}
            if (caller, digest) in self._lately:
                return False
            self._lately[caller, digest] = now
            return True

    def failed(self, caller: str, digest: bytes) -> None:
        """Forgets a message that did not arrive: it may be sent again at once."""
        with self._lock:
            self._lately.pop((caller, digest), None)

    def turn(self, caller: str) -> float:
        """The seconds until the caller's next message may go, which are reserved for it.

        Raises :class:`ToolError` where too many wait already.
        """
        now = time.monotonic()
        with self._lock:
            self._next = {key: at for key, at in self._next.items() if at > now}
            at = self._next.get(caller, now)
            if at - now > WAIT_SECONDS:
                raise ToolError(f"rate limited; wait {at - now:.0f} seconds before sending another message")
            self._next[caller] = at + PAUSE_SECONDS
            return at - now
