"""An app that serves agents and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask import Response
from werkzeug.exceptions import HTTPException

from .extension import AgentAPI
from .logs import log_to_stderr
from .settings import Settings
from .web.errors import error_response
from .web.errors import http_error
from .web.errors import known
from .web.guard import random_id
from .web.monitoring import create_monitoring_blueprint


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """A Flask app with ``/v1/models`` and ``/v1/chat/completions``, ``/healthz`` and ``/readyz``.

    Settings come from ``config`` (keys ``AGENT_API_*``), then from ``FLASK_AGENT_API_*`` in the environment. With
    neither, the embedded demo team is served. Raises :class:`~flask_agent_api.errors.ConfigError`.
    """
    app = Flask("flask_agent_api", static_folder=None)
    app.config.update(config or {})
    settings = Settings.from_mapping(app.config)
    log_to_stderr(settings.log_format, settings.log_level)
    app.register_error_handler(HTTPException, _outside_the_api)
    AgentAPI(app)
    app.register_blueprint(create_monitoring_blueprint())
    return app


def _outside_the_api(exc: HTTPException) -> Response | HTTPException:
    """Who asks for ``/chat/completions`` has a base URL without ``/v1``, and should be told."""
    if exc.code == 404:
        error = http_error(404, "There is nothing here: the API is under /v1")
    elif exc.get_response().status_code >= 400:
        error = known(exc)
    else:
        return exc
    response = error_response(error)
    response.headers["X-Request-Id"] = f"req_{random_id()}"
    return response
