"""The WSGI app for ``gunicorn -k gevent wsgi:app``, with settings from the environment."""

from __future__ import annotations

import sys

from .concurrency import patch_all


def _served_by_gevent() -> bool:
    """Whether gunicorn's gevent worker serves, or nobody yet.

    A preloading gunicorn imports this file before its worker patches. Under another worker, or ``flask run``, threads
    and locks were made already: patched, they would wait for each other for ever.
    """
    return "gunicorn.workers.ggevent" in sys.modules or not {"gunicorn", "flask"} & sys.modules.keys()


if _served_by_gevent():
    patch_all()  # before anything imports ssl

from .app import create_app  # noqa: E402

app = create_app()
