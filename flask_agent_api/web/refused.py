"""A line in the log for each request that no run was started for, and why."""

from __future__ import annotations

import logging

from flask import Request

from ..errors import AgentAPIError
from ..redaction import redacted
from ..visible import visible

logger = logging.getLogger("flask_agent_api.web")

MOST_CHARS = 128
"""Of a name or path in the log."""


def log_refused(request: Request, error: AgentAPIError, id: str, principal: str) -> None:
    """Says who was refused what. The path without its query, in which there may be secrets."""
    if not logger.isEnabledFor(logging.INFO):
        return
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
