"""Settings that gunicorn picks up from this folder. The command line wins; ``PORT`` is read by gunicorn itself."""

import os

worker_class = "gevent"
worker_connections = 4500  # above the setting max_streams, which answers what is too much with 503
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
graceful_timeout = 25
control_socket_disable = True  # it would be one file in the home folder for all servers of a user


def post_worker_init(worker):
    """Makes the worker quicker, and says if it lacks keys.

    Imported here and not above: by now the worker has patched what the package uses.
    """
    from flask_agent_api.gunicorn_worker import tune
    from flask_agent_api.gunicorn_worker import warn_of_lacking_keys

    tune(worker)
    warn_of_lacking_keys(worker)
