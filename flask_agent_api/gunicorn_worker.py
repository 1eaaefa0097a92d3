"""What is done in a gunicorn worker when it has loaded the app."""

from __future__ import annotations

import functools
import gc
import logging
import time
from ipaddress import ip_address
from typing import Any

from gunicorn import util

from .concurrency import forget_where_greenlets_come_from
from .concurrency import patched
from .connection_pool import ConnectionPool

logger = logging.getLogger("flask_agent_api")


def tune(worker: Any) -> None:
    """Takes out of each request what need not be done for it; together a quarter of a short turn.

    gunicorn's hook ``post_worker_init``: the app has been loaded. What is there now stays, so the garbage collector
    need not look at it again, nor so often at short-lived objects: but not at so many at once either that all streams
    stand still meanwhile (2,000 take a millisecond, 6,000 four). And gunicorn looks a setting up by two calls, 28 times
    a request: as plain attributes they are found at once. Under gevent connections share greenlets
    (:class:`ConnectionPool`).
    """
    forget_where_greenlets_come_from()
    if patched():
        _share_greenlets()
    _remember_dates()
    worker.cfg.__dict__.update({name: setting.get() for name, setting in worker.cfg.settings.items()})
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 2, 200)


def _share_greenlets() -> None:
    """Gives the pool of connections, which the worker makes only when it begins to serve, greenlets that stay."""
    from gunicorn.workers import ggevent

    ggevent.Pool = ConnectionPool


def _remember_dates() -> None:
    """Those of answers, which are the same for a second, and are made anew for each."""
    date = functools.lru_cache(maxsize=2)(util.http_date)
    util.http_date = lambda timestamp=None: date(int(time.time()) if timestamp is None else timestamp)


def warn_of_lacking_keys(worker: Any) -> None:
    """Says once, in the first worker, why other machines will be refused although the server listens for them.

    gunicorn's hook ``post_worker_init``: only there it is known where the server listens.
    """
    names = [sock.getsockname() for sock in worker.sockets]
    outside = [name[0] for name in names if isinstance(name, tuple) and not ip_address(name[0]).is_loopback]
    services = getattr(worker.wsgi, "extensions", {}).get("agent_api", {}).values()
    if worker.age == 1 and outside and any(service.door.lacks_keys for service in services):
        logger.warning(
            "Listening at %s without keys: only requests from this machine will be served. Make a key with "
            "`flask-agent-api keys new NAME` and set FLASK_AGENT_API_KEYS",
            ", ".join(outside),
        )
