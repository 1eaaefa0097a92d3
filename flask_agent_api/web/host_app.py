"""What a host app has that gets in the way of the API: set right, or named when the API is registered."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from ..concurrency import patched
from ..errors import ConfigError
from ..settings import Settings

logger = logging.getLogger("flask_agent_api")

_NEEDED = ("list_models", "chat_completions")
_ANSWERS_FOR_THE_REST = ("not_found", "not_allowed")


def check_host(app: Flask, blueprint: str, settings: Settings) -> None:
    """Looks at the app when the blueprint has been registered.

    Raises :class:`ConfigError` if its paths are taken, or if gevent is to patch the process when it is too late.
    """
    if "gunicorn.workers.ggevent" in sys.modules and not patched():
        raise ConfigError(
            "gunicorn preloads the app before its gevent worker patches the process, so that locks and TLS would hold "
            "all requests up. Put 'from gevent import monkey; monkey.patch_all()' above all else in the file that "
            "gunicorn loads, or leave --preload away"
        )
    _check_paths(app, blueprint)
    leave_to_us(app, blueprint)
    limit = app.config.get("MAX_CONTENT_LENGTH")
    if limit is not None and limit < settings.max_body_bytes:
        logger.warning(
            "MAX_CONTENT_LENGTH of the app limits requests to the API, too, to %d bytes; a conversation may need more. "
            "AGENT_API_MAX_BODY_BYTES is %d", limit, settings.max_body_bytes,
        )  # fmt: skip


def check_host_again(app: Flask, settings: Settings) -> None:
    """At the first request, when the app is complete: its extensions may have been set up after the API."""
    for blueprint in app.extensions["agent_api"]:
        leave_to_us(app, blueprint)
    if app.debug and settings.keys:
        logger.warning(
            "The app is in debug mode: whoever meets an error on one of its pages is shown its code, and perhaps "
            "Werkzeug's debugger, in a process that knows AGENT_API_KEYS. Serve without --debug and FLASK_DEBUG"
        )


def leave_to_us(app: Flask, blueprint: str) -> None:
    """Exempts the API from Flask-WTF's ``CSRFProtect``: API clients have no token, and the API needs none.

    Another site can make a browser send forms, but neither JSON nor DELETE, unless it is listed for CORS. So no request
    that has effects here can be forged.
    """
    csrf: Any = app.extensions.get("csrf")
    if any(base.__module__ == "flask_wtf.csrf" for base in type(csrf).__mro__):
        csrf.exempt(app.blueprints[blueprint])


def _check_paths(app: Flask, blueprint: str) -> None:
    ours: list[Rule] = []
    others: list[Rule] = []
    for rule in app.url_map.iter_rules():
        (ours if rule.endpoint.rpartition(".")[0] == blueprint else others).append(rule)
    for rule in ours:
        name = rule.endpoint.rpartition(".")[2]
        if name.endswith(_ANSWERS_FOR_THE_REST) or not (taken := _same_path(rule, others)):
            continue
        message = f"The path {rule.rule} of the API is served by {taken!r} of the app. Give the API another url_prefix"
        if name in _NEEDED:
            raise ConfigError(message)
        logger.warning("%s", message)


def _same_path(rule: Rule, others: Iterable[Rule]) -> str:
    """The endpoint of a rule that came first and takes the requests of this one; empty if there is none."""
    methods = rule.methods or set()
    return next((o.endpoint for o in others if _shape(o) == _shape(rule) and methods <= (o.methods or methods)), "")


def _shape(rule: Rule) -> tuple[str, str | None, str | None]:
    return re.sub(r"<[^>]*>", "<>", rule.rule), rule.subdomain, rule.host
