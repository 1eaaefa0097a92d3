"""From exceptions to OpenAI's error envelope: the only way out for failures."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException

from ..errors import AgentAPIError
from ..errors import InternalError

logger = logging.getLogger("flask_agent_api.web")

_CODES = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large", 415: "unsupported_media_type"}


def envelope(error: AgentAPIError) -> dict[str, Any]:
    """The error object that OpenAI's SDKs understand, as a body and as a frame of a stream."""
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}


def known(exc: Exception) -> AgentAPIError:
    """The error a client may see. An exception that nobody meant for clients is logged and says nothing."""
    if isinstance(exc, AgentAPIError):
        return exc
    if isinstance(exc, HTTPException) and exc.code is not None:
        return http_error(exc.code)
    logger.error("internal error", exc_info=exc)
    return InternalError()


def http_error(status: int, message: str = "") -> AgentAPIError:
    """An error by its HTTP status alone."""
    phrase = message or HTTPStatus(status).phrase
    type = "invalid_request_error" if status < 500 else "server_error"
    return AgentAPIError(phrase, status=status, type=type, code=_CODES.get(status, f"http_{status}"))


def error_response(error: AgentAPIError) -> Response:
    """The envelope with the error's status and headers."""
    response = Response(json.dumps(envelope(error)), error.status, mimetype="application/json")
    response.headers.update(error.headers)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
