"""``/metrics``: the figures of all runs of this server, for Prometheus."""

from __future__ import annotations

import logging
import os

from flask import Request
from flask import Response

from ..errors import AccessDenied
from ..once import warn_once
from ..settings import Settings
from .auth import Door
from .errors import error_response
from .errors import known
from .keyring import Keyring
from .this_machine import Places

logger = logging.getLogger("flask_agent_api.metrics")


class Figures:
    """Shows the figures to whoever has a key of ``AGENT_API_METRICS_KEYS``; without any, to this machine alone.

    Keys of clients do not count: who may talk to an agent need not know what the others do.
    """

    def __init__(self, settings: Settings) -> None:
        keys = Keyring(settings.metrics_keys)
        self._door = Door(keys, None, False, Places(settings.allowed_hosts, settings.cors_origins))

    def answer(self, request: Request) -> Response:
        """The figures, or the error that keeps them."""
        from ..telemetry import metrics  # which is there only with its extra

        try:
            self._door.principal(request)
        except AccessDenied:
            message = "Without a key, these figures are for this machine alone. Set AGENT_API_METRICS_KEYS"
            return error_response(AccessDenied(message, code="keys_required"))
        except Exception as exc:
            return error_response(known(exc))
        if request.environ.get("wsgi.multiprocess") and metrics.FOLDER not in os.environ:
            warn_once(
                logger, "/metrics has the figures of one worker alone: set %s (docs/observability.md)", metrics.FOLDER
            )
        return Response(metrics.exposition(), headers={"Cache-Control": "no-store"}, content_type=metrics.CONTENT_TYPE)
