"""A response of JSON. Not Flask's own ``jsonify``: the host app may have its own idea of JSON."""

from __future__ import annotations

from typing import Any

from flask import Response

from ..json_text import json_text


def json_response(value: dict[str, Any]) -> Response:
    """The value with status 200."""
    return Response(json_text(value), mimetype="application/json")
