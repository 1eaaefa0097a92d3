"""``/healthz`` and ``/readyz``: what platforms and load balancers ask, without a key and without details."""

from __future__ import annotations

from flask import Blueprint
from flask import Response
from flask.blueprints import BlueprintSetupState

from ..json_text import json_text
from ..per_process import PerProcess
from .blueprint import services
from .readiness import Readiness

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def create_health_blueprint(name: str = "agent_api_health") -> Blueprint:
    """``GET /healthz`` and ``GET /readyz`` for apps that serve agents; :func:`create_app` has them at its root.

    ``/healthz`` is always 200: the process answers. ``/readyz`` is 503 while agents cannot be loaded, the store cannot
    be reached, or the process is about to end. Both are open to everybody and say no more than that; the app's own
    ``before_request`` functions hold. ``app.register_blueprint(create_health_blueprint(), url_prefix="/internal")``.
    """
    blueprint = Blueprint(name, __name__)
    blueprint.add_url_rule("/healthz", "healthz", _healthz)

    def register(state: BlueprintSetupState) -> None:
        probes = PerProcess(lambda: [Readiness(service) for service in services(state.app).values()])

        def readyz() -> Response:
            ready = [probe.ready() for probe in probes.get()]
            return _answer("ready", 200) if all(ready) else _answer("unavailable", 503)

        state.add_url_rule("/readyz", "readyz", readyz)

    blueprint.record(register)
    return blueprint


def _healthz() -> Response:
    return _answer("ok", 200)


def _answer(status: str, code: int) -> Response:
    return Response(json_text({"status": status}), code, _NO_STORE, mimetype="application/json")
