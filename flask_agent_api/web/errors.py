"""From exceptions to OpenAI's error envelope: the only way out for failures."""

from __future__ import annotations

import logging
from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from ..errors import AgentAPIError
from ..errors import ConfigError
from ..errors import InternalError
from ..json_text import json_text
from ..redaction import redacted

logger = logging.getLogger("flask_agent_api.web")

_CODES = {
    401: "invalid_api_key",
    403: "access_denied",
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
    415: "unsupported_media_type",
    429: "rate_limit_exceeded",
}


def envelope(error: AgentAPIError) -> dict[str, Any]:
    """The error object that OpenAI's SDKs understand, as a body and as a frame of a stream."""
    return {"error": {"message": redacted(error.message), "type": error.type, "param": error.param, "code": error.code}}


def known(exc: Exception) -> AgentAPIError:
    """The error a client may see. An exception that nobody meant for clients is logged and says nothing."""
    if isinstance(exc, ConfigError):
        logger.error("%s", exc)
    if isinstance(exc, AgentAPIError):
        return exc
    if isinstance(exc, HTTPException):
        response = exc.get_response()
        if response.status_code >= 400:
            return http_error(response.status_code, retry_after=response.headers.get("Retry-After"))
    logger.error("internal error", exc_info=exc)
    return InternalError()


def http_error(status: int, message: str = "", retry_after: str | None = None) -> AgentAPIError:
    """An error by its HTTP status alone."""
    type = "invalid_request_error" if status < 500 else "server_error"
    return AgentAPIError(
        message or HTTP_STATUS_CODES.get(status, f"HTTP status {status}"),
        status=status,
        type="rate_limit_error" if status == 429 else type,
        code=_CODES.get(status, f"http_{status}"),
        headers={"Retry-After": retry_after} if retry_after else None,
    )


def error_response(error: AgentAPIError) -> Response:
    """The envelope with the error's status and headers."""
    response = Response(json_text(envelope(error)), error.status, mimetype="application/json")
    response.headers.update(error.headers)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
