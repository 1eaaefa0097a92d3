"""A response of JSON. Not Flask's own ``jsonify``: the host app may have its own idea of JSON."""

from __future__ import annotations

from typing import Any

from flask import Response

from ..json_text import json_text


def json_response(value: dict[str, Any], status: int = 200) -> Response:
    """The value as the whole response."""
    return Response(json_text(value), status, mimetype="application/json")
