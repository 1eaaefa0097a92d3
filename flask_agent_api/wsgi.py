"""The WSGI app for ``gunicorn -k gevent wsgi:app``, with settings from the environment."""

from __future__ import annotations

import sys

from .concurrency import patch_all


def _served_by_gevent() -> bool:
    """Whether a server of gevent's is loaded: gunicorn's worker, which a preloading gunicorn has by then, or its own.

    Under any other (gthread, ``flask run``, waitress, uWSGI) threads and locks were made already: patched, they would
    wait for each other for ever.
    """
    return "gevent.pywsgi" in sys.modules


if _served_by_gevent():
    patch_all()  # before anything imports ssl

from .app import create_app  # noqa: E402

app = create_app()
