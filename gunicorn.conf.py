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
    """What is loaded now stays: the garbage collector need not look at it again, nor so often at short-lived objects.

    And nobody asks where a greenlet was spawned, which gevent would note for each.
    """
    gevent.config.track_greenlet_tree = False
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
