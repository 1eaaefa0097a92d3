"""Which paths are endpoints, and what every other request under the prefix gets: an error that API clients can read."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection

from flask import Blueprint
from flask import request
from flask import Response
from flask.blueprints import BlueprintSetupState

from .errors import http_error

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

View = Callable[..., Response]


def add_endpoint(blueprint: Blueprint, path: str, **views: View) -> None:
    """Serves a path by a view for each method. OPTIONS tells the methods, and all others are 405."""
    for method, view in views.items():
        blueprint.add_url_rule(path, view.__name__, view, methods=[method], provide_automatic_options=False)
    others = [method for method in _METHODS if method not in views]
    first, *_ = views.values()
    blueprint.add_url_rule(path, f"{first.__name__}_not_allowed", _not_allowed(list(views)), methods=others)


def add_catch_all(state: BlueprintSetupState) -> None:
    """What is under the prefix and no endpoint: an API client must not get the host app's HTML page."""
    for path in ("", "/", "/<path:rest>"):  # not strict_slashes, which older versions of Werkzeug take otherwise
        state.add_url_rule(path, "not_found", _not_found, methods=_METHODS)


def _not_found(rest: str = "") -> Response:
    raise http_error(404, f"There is no endpoint {request.method} {request.path}")


def _not_allowed(allowed: Collection[str]) -> View:
    implied = ["HEAD"] if "GET" in allowed else []
    allow = {"Allow": ", ".join([*allowed, *implied, "OPTIONS"])}

    def view(**_: str) -> Response:
        if request.method == "OPTIONS":
            return Response(status=204, headers=allow)
        error = http_error(405, f"{request.path} accepts {' and '.join(allowed)}, not {request.method}")
        error.headers.update(allow)
        raise error

    return view
