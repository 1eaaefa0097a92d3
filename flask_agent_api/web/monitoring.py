"""What platforms, load balancers and Prometheus ask."""

from __future__ import annotations

from flask import abort
from flask import Blueprint
from flask import request
from flask import Response
from flask.blueprints import BlueprintSetupState

from ..json_text import json_text
from ..per_process import PerProcess
from .blueprint import services
from .figures import Figures
from .readiness import Readiness

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def create_monitoring_blueprint(name: str = "agent_api_monitoring") -> Blueprint:
    """``GET /healthz``, ``/readyz``, ``/metrics`` for apps that serve agents; :func:`create_app` has them at its root.

    ``/healthz`` is always 200: the process answers. ``/readyz`` is 503 while agents cannot be loaded, the store cannot
    be reached, or the process is about to end. Both are open to everybody and say no more than that. ``/metrics`` is
    there with ``AGENT_API_METRICS``. The app's own ``before_request`` functions hold.
    """
    blueprint = Blueprint(name, __name__)
    blueprint.add_url_rule("/healthz", "healthz", _healthz)

    def register(state: BlueprintSetupState) -> None:
        probes = PerProcess(lambda: [Readiness(service) for service in services(state.app).values()])

        def readyz() -> Response:
            ready = [probe.ready() for probe in probes.get()]
            return _answer("ready", 200) if all(ready) else _answer("unavailable", 503)

        def metrics() -> Response:
            for service in services(state.app).values():
                if service.settings.metrics:
                    return Figures(service.settings).answer(request)
            abort(404)

        state.add_url_rule("/readyz", "readyz", readyz)
        state.add_url_rule("/metrics", "metrics", metrics)

    blueprint.record(register)
    return blueprint


def _healthz() -> Response:
    return _answer("ok", 200)


def _answer(status: str, code: int) -> Response:
    return Response(json_text({"status": status}), code, _NO_STORE, mimetype="application/json")
