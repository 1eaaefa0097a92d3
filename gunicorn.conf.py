"""Settings that gunicorn picks up from this folder. The command line wins; ``PORT`` is read by gunicorn itself."""

import gc
import os

import gevent

worker_class = "gevent"
worker_connections = 4500  # above the setting max_streams, which answers what is too much with 503
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
graceful_timeout = 25
control_socket_disable = True  # it would be one file in the home folder for all servers of a user


def post_worker_init(worker):
    """Takes out of each request what need not be done for it; together a sixth of a short turn.

    What is loaded now stays: the garbage collector need not look at it again, nor so often at short-lived objects.
    Nobody asks where a greenlet was spawned, which gevent would note for each. And gunicorn looks a setting up by two
    calls, 28 times a request: as plain attributes they are found at once.
    """
    gevent.config.track_greenlet_tree = False
    worker.cfg.__dict__.update({name: setting.get() for name, setting in worker.cfg.settings.items()})
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
