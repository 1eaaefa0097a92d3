"""The greenlets in which gunicorn's gevent worker serves its connections, used again for the next ones."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

from .concurrency import Pool
from .reused_greenlets import Host
from .reused_greenlets import start


class ConnectionPool(Pool):  # type: ignore[misc]
    """What gunicorn makes a :class:`gevent.pool.Pool` for, with greenlets that have served other connections before.

    Each connection has its own context variables. What an app keeps in ``threading.local`` may be there when another
    connection comes, as it is in the threads of gunicorn's ``gthread`` worker and from one request of a connection to
    the next.
    """

    def spawn(self, function: Callable[..., object], *args: object) -> Any:
        """Calls the function in a greenlet that belongs to the pool meanwhile, and returns that."""

        def work(host: Host) -> None:
            try:
                contextvars.copy_context().run(function, *args)
            finally:
                host.stays = host.greenlet not in self.dying  # who kills waits for its end
                self.discard(host.greenlet)

        greenlet = start(work).greenlet
        self.add(greenlet)
        return greenlet
