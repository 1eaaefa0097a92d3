"""Settings that gunicorn picks up from this folder. The command line wins; ``PORT`` is read by gunicorn itself."""

import os

worker_class = "gevent"
worker_connections = 4000
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
graceful_timeout = 25
control_socket_disable = True  # it would be one file in the home folder for all servers of a user
