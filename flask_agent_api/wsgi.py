"""The WSGI app for ``gunicorn -k gevent wsgi:app``, with settings from the environment."""

from __future__ import annotations

from .concurrency import patch_all

patch_all()  # before anything imports ssl: a preloading gunicorn imports this file before its worker patches

from .app import create_app  # noqa: E402

app = create_app()
