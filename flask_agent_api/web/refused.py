"""What is told of each request that no run was started for, and why: a line in the log, and a signal."""

from __future__ import annotations

import logging
from typing import Any

from flask import Request

from ..errors import AgentAPIError
from ..records import RefusedRecord
from ..redaction import redacted
from ..signals import request_refused
from ..signals import send_refused
from ..visible import visible

logger = logging.getLogger("flask_agent_api.web")

MOST_CHARS = 128
"""Of a name or path in the log."""


def tell_refused(app: Any, request: Request, error: AgentAPIError, id: str, principal: str) -> None:
    """Says who was refused what. The path without its query, in which there may be secrets."""
    if request_refused.receivers:
        send_refused(RefusedRecord(app, id, error.status, error.code or error.type, principal))
    if logger.isEnabledFor(logging.INFO):
        _log(request, error, id, principal)


def _log(request: Request, error: AgentAPIError, id: str, principal: str) -> None:
    fields = {
        "status": error.status,
        "code": error.code,
        "param": error.param,
        "principal": principal[:MOST_CHARS],
        "method": request.method,
        "path": redacted(request.path[:MOST_CHARS]),
    }
    shown = " ".join([f"{name}={visible(str(value))}" for name, value in fields.items() if value])
    logger.info("refused %s %s", id, shown, extra={"fields": {"event": "refused", "request_id": id, **fields}})
