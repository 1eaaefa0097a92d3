"""Settings that gunicorn picks up from this folder. The command line wins; ``PORT`` is read by gunicorn itself."""

import os

from flask_agent_api import metrics_folder

worker_class = "gevent"
worker_connections = 4500  # above the setting max_streams, which answers what is too much with 503
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
graceful_timeout = 25
control_socket_disable = True  # it would be one file in the home folder for all servers of a user

metrics_folder.prepare()  # where workers leave their figures for each other, with the setting METRICS


def child_exit(server, worker):
    """Forgets what a worker had in progress."""
    metrics_folder.worker_ended(worker.pid)


def on_exit(server):
    """Removes the folder of the figures."""
    metrics_folder.remove()


def post_worker_init(worker):
    """Makes the worker quicker, and says if it lacks keys.

    Imported here and not above: by now the worker has patched what the package uses.
    """
    from flask_agent_api.gunicorn_worker import tune
    from flask_agent_api.gunicorn_worker import warn_of_lacking_keys

    tune(worker)
    warn_of_lacking_keys(worker)
