"""What happens to a request of ours before its endpoint: request id, door, the host app's own hooks.

A host app often has a ``before_request`` that sends whoever is not logged in to its login page. A client of an API
cannot follow, and its caller may well be known here, by key or by the host's ``authenticate``. So the guard stands
first in the app's ``before_request`` functions: it runs the host's functions itself, does not take a redirect to
another page for an answer, and then lets the caller in or not.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from urllib.parse import urlsplit

import flask
from flask import Flask
from flask import g
from flask import Request
from flask import Response
from werkzeug.exceptions import HTTPException

from ..context import ANONYMOUS
from ..context import Principal
from ..errors import untraced
from ..records import RunRecord
from .errors import error_response
from .errors import http_error
from .errors import known
from .refused import tell_refused
from .service import Service
from .stream_response import StreamResponse

logger = logging.getLogger("flask_agent_api.web")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass(slots=True)
class Exchange:
    """One request of ours.

    ``request_id`` is the client's ``X-Request-Id`` if that is well-formed, else a new one. ``agent`` is the header
    ``X-Agent``: who ran, or empty. ``run`` is the run that it asks for, once that is known. ``limits`` are headers that
    tell a caller with limits how he stands.
    """

    service: Service
    request: Request
    request_id: str
    principal: Principal = ANONYMOUS
    agent: str = ""
    run: RunRecord | None = None
    limits: Mapping[str, str] | None = None


def random_id() -> str:
    """128 bits in hexadecimal: an id to be told apart by, not a secret."""
    return f"{random.getrandbits(128):032x}"


def install_guard(service: Service, blueprint_name: str) -> None:
    """Puts the guard before all ``before_request`` functions of the app. Other requests pass it untouched."""

    parents = [blueprint_name]  # as Flask has them: the innermost first
    while "." in parents[-1]:
        parents.append(parents[-1].rpartition(".")[0])

    def guard() -> Any:
        # The request itself: each look through Flask's proxy costs as much as several looks at this.
        request: Request = flask.request._get_current_object()  # type: ignore[attr-defined]
        rule = request.url_rule
        ours = rule is not None and rule.endpoint.rpartition(".")[0] == blueprint_name
        return _serve(service, guard, request, parents) if ours else None

    service.app.before_request_funcs.setdefault(None, []).insert(0, guard)


def current_exchange() -> Exchange:
    """The request of ours that is being served."""
    return g._get_current_object().agent_api  # type: ignore


def _serve(service: Service, guard: Callable[[], Any], request: Request, blueprints: list[str]) -> Response:
    """The whole answer to one of our requests. The one place where failures become responses."""
    sent = request.environ.get("HTTP_X_REQUEST_ID", "")
    id = sent if _REQUEST_ID.fullmatch(sent) else f"req_{random_id()}"
    exchange = Exchange(service, request, id)
    g._get_current_object().agent_api = exchange
    if (preflight := service.cors.preflight(request)) is not None:
        return _sent(exchange, preflight)
    answer = None
    try:
        service.in_flight.require_open()
        answer = _host_answer(service.app, guard, request, blueprints)
        exchange.principal = service.door.principal(request)
        response = _endpoint_answer(service.app, request) if answer is None else answer
    except Exception as exc:
        error = untraced(known(exc))
        response = error_response(error)
        if exchange.run is None or not exchange.run.begun:
            tell_refused(service.app, request, error, id, exchange.principal.id)
    return _sent(exchange, response, ours=answer is None)


def _sent(exchange: Exchange, response: Response, *, ours: bool = True) -> Response:
    """The response with the headers that all have. One of the host app may have a request id already."""
    if ours:
        response.headers.add("X-Request-Id", exchange.request_id)
    else:
        response.headers.setdefault("X-Request-Id", exchange.request_id)
    if exchange.agent:
        response.headers.add("X-Agent", exchange.agent)
    if exchange.limits is not None:
        response.headers.update(exchange.limits)
    if type(response) is not StreamResponse:  # no browser ever takes a stream of events for anything else
        response.headers["X-Content-Type-Options"] = "nosniff"  # nor may it take what a model wrote for a page
        response.headers.setdefault("Cache-Control", "no-store")  # an answer is for who asked
    exchange.service.cors.mark(exchange.request, response)
    return response


def _endpoint_answer(app: Flask, request: Request) -> Response:
    view: Callable[..., Any] = app.view_functions[str(request.endpoint)]
    return app.make_response(view(**(request.view_args or {})))


def _host_answer(app: Flask, guard: Callable[[], Any], request: Request, blueprints: list[str]) -> Response | None:
    """What the host's ``before_request`` functions answer, or None if they let the request pass."""
    for function in _host_functions(app, guard, blueprints):
        response = _answer_of(app, function)
        if response is None or _leads_elsewhere(response, request):
            continue
        if response.status_code >= 400:
            logger.info("a before_request function of the app refused: %s", getattr(function, "__qualname__", function))
            raise http_error(response.status_code, retry_after=response.headers.get("Retry-After"))
        return response
    return None


def _host_functions(app: Flask, guard: Callable[[], Any], blueprints: list[str]) -> list[Callable[[], Any]]:
    """Those that Flask has not called yet, in its order. One that was put before the guard has had its turn."""
    functions = app.before_request_funcs
    of_app = functions.get(None, [])
    later = of_app[of_app.index(guard) + 1 :]
    for name in reversed(blueprints):
        later += functions.get(name, ())
    return later


def _answer_of(app: Flask, function: Callable[[], Any]) -> Response | None:
    try:
        answer = app.ensure_sync(function)()
    except HTTPException as exc:
        answer = exc.get_response()
    return None if answer is None else app.make_response(answer)


def _leads_elsewhere(response: Response, request: Request) -> bool:
    """Whether it is a redirect to another page. One to the same path, by HTTPS for example, is an answer."""
    path = unquote(urlsplit(response.location or "").path)
    return 300 <= response.status_code < 400 and path != request.root_path + request.path
