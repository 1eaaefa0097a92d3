"""An app that serves agents and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask

from .extension import AgentAPI


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """A Flask app with ``/v1/models`` and ``/v1/chat/completions``.

    Settings come from ``config`` (keys ``AGENT_API_*``), then from ``FLASK_AGENT_API_*`` in the environment. With
    neither, the embedded demo team is served. Raises :class:`~flask_agent_api.errors.ConfigError`.
    """
    app = Flask("flask_agent_api")
    app.config.update(config or {})
    _log_to_stderr()
    AgentAPI(app)
    return app


def _log_to_stderr() -> None:
    """One line a run, where the process that imports us has set up no logging."""
    logger = logging.getLogger("flask_agent_api")
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
