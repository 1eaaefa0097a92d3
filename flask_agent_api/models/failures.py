"""What a failed model call means to our client, and whether another attempt makes sense: one table for all."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from ..errors import ModelError
from ..errors import ModelRateLimited
from ..errors import ModelTimeout
from ..errors import ModelUnavailable
from .retry import retry_after_seconds
from .route import TransportError
from .route import TransportTimeout

logger = logging.getLogger("flask_agent_api.models")

_SHOWN_CHARS = 300
_MASKED_CHARS = 2000
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|xai|nvapi|AIza|ghp|key|Bearer|Basic)[-_ ][\w\-*.+/=]{4,}"  # the usual prefixes
    r"|\b(?=[\w\-*]{0,200}[a-z])(?=[\w\-*]{0,200}[A-Z])(?=[\w\-*]{0,200}\d)[\w\-*]{20,}"  # random text
    r"|\b[0-9a-fA-F]{32,}\b"
)
_CONTEXT_LENGTH = re.compile(
    r"context[ _](?:length|window)|maximum context|too many tokens|prompt is too long|input is too long", re.IGNORECASE
)


class CallFailed(Exception):
    """One attempt failed. ``retry`` says whether another one may help, ``wait`` how many seconds the provider asks for.

    ``text`` is what the provider said, not fit for clients.
    """

    def __init__(self, error: ModelError, *, retry: bool = False, wait: float | None = None, text: str = "") -> None:
        super().__init__(error.message)
        self.error = error
        self.retry = retry
        self.wait = wait
        self.text = text


@dataclass(frozen=True, slots=True)
class _Kind:
    error: type[ModelError]
    code: str
    retry: bool
    shown: bool = False


_REJECTED = _Kind(ModelError, "upstream_rejected", retry=False, shown=True)
_FAILED = _Kind(ModelError, "upstream_error", retry=True)
_UNEXPECTED = _Kind(ModelError, "upstream_error", retry=False)
_LIMITED = _Kind(ModelRateLimited, "rate_limit_exceeded", retry=True)
_OVERLOADED = _Kind(ModelUnavailable, "upstream_unavailable", retry=True)
_TIMED_OUT = _Kind(ModelTimeout, "upstream_timeout", retry=True)
_AUTH = _Kind(ModelError, "upstream_auth", retry=False)
_KINDS = {
    400: _REJECTED,
    401: _AUTH,
    403: _AUTH,
    404: _Kind(ModelError, "upstream_not_found", retry=False, shown=True),
    408: _TIMED_OUT,
    409: _LIMITED,
    413: _REJECTED,
    422: _REJECTED,
    429: _LIMITED,
    503: _OVERLOADED,
    504: _TIMED_OUT,
    529: _OVERLOADED,
}
_CODES = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "overloaded": 503,
    "overloaded_error": 503,
    "service_unavailable": 503,
    "server_error": 500,
    "api_error": 500,
    "timeout": 504,
    "model_not_found": 404,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "invalid_request_error": 400,
}


def from_status(status: int, headers: Mapping[str, str], body: bytes, model: str) -> CallFailed:
    """What an answer other than 200 means."""
    if 300 <= status < 400:
        logger.warning("model %s: a redirect (%d) was not followed", model, status)
        message = "The model's provider answered with a redirect: the agent's base_url is not its final address"
        return CallFailed(ModelError(message, code="upstream_redirect"))
    fields = _error_fields(body)
    logger.warning("model %s: status %d: %s", model, status, _masked(fields.get("message") or _text(body), 1000))
    return _failure(status, fields, headers)


def from_event(body: object, model: str) -> CallFailed:
    """What an error object inside a stream, or in a 200, means. ``body`` is it or an object that holds it."""
    fields = _fields_of(body)
    logger.warning("model %s: error in the answer: %s", model, _masked(fields.get("message", ""), 1000))
    hints = (fields.get("code", ""), fields.get("type", ""))
    numbers = (int(hint) for hint in hints if hint.isascii() and hint.isdigit() and len(hint) == 3)
    known = (_CODES[hint] for hint in hints if hint in _CODES)
    return _failure(next(numbers, 0) or next(known, 0), fields, {})


def from_transport(error: TransportError) -> CallFailed:
    """What a failure below HTTP means. A stream that broke off is retried only if it had shown nothing."""
    if isinstance(error, TransportTimeout):
        return CallFailed(ModelTimeout(error.message), retry=error.phase in {"connect", "first_byte"})
    if error.phase == "connect":
        return CallFailed(ModelUnavailable(error.message, code="upstream_unreachable"), retry=True)
    return CallFailed(ModelError(error.message), retry=error.phase != "protocol")


def bad_answer(model: str, why: str) -> CallFailed:
    """An answer that is none: not JSON, not of the right shape."""
    logger.warning("model %s: %s", model, why)
    return CallFailed(ModelError("The model's provider sent an answer that cannot be read"))


def truncated(begun: bool) -> CallFailed:
    """A stream that ended without a finish_reason, which must never look like a complete answer.

    It may be tried again as long as it showed nothing, ``begun`` or not.
    """
    if begun:
        return CallFailed(ModelError("The model's answer broke off", code="upstream_truncated"), retry=True)
    return CallFailed(ModelError("The model's provider sent an empty answer"), retry=True)


def _failure(status: int, fields: Mapping[str, str], headers: Mapping[str, str]) -> CallFailed:
    text, code = fields.get("message", ""), fields.get("code", "")
    if code == "context_length_exceeded" or (status in {0, 400, 413, 422} and _CONTEXT_LENGTH.search(text)):
        message = _with_detail("The conversation is too long for the agent's model", text)
        error = ModelError(message, status=400, type="invalid_request_error", code="context_length_exceeded")
        return CallFailed(error)
    kind = _KINDS.get(status) or (_FAILED if status >= 500 else _REJECTED if status >= 400 else _UNEXPECTED)
    said = f"answered {status} ({_phrase(status)})" if status else "reported an error"
    message = f"The model's provider {said}"
    if kind.shown:
        message = _with_detail(message, text)
    wait = retry_after_seconds(headers)
    passed = {"Retry-After": str(math.ceil(wait))} if kind is _LIMITED and wait is not None else {}
    out_of_quota = "insufficient_quota" in (code, fields.get("type"))
    error = kind.error(message, code="insufficient_quota" if out_of_quota else kind.code, headers=passed)
    retry = kind.retry and not out_of_quota
    return CallFailed(error, retry=retry, wait=wait, text=f"{fields.get('param', '')} {text}")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "overloaded" if status == 529 else "not a standard status"


def _with_detail(message: str, detail: str) -> str:
    return f"{message}: {_masked(detail, _SHOWN_CHARS)}" if detail else message


def _masked(text: str, chars: int) -> str:
    """The start of a provider's text, without what looks like a key."""
    return _KEY_LIKE.sub("[masked]", " ".join(text[:_MASKED_CHARS].split()))[:chars]


def _error_fields(body: bytes) -> dict[str, str]:
    try:
        return _fields_of(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def _fields_of(body: Any) -> dict[str, str]:
    """The texts of OpenAI's error object, or of the shapes that others use for it."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict) and body.get("error"):
        body = body["error"]
    if not isinstance(body, dict):
        return {"message": body} if isinstance(body, str) else {}
    fields = {key: str(body[key]) for key in ("code", "type", "param") if isinstance(body.get(key), str | int)}
    message = body.get("message") or body.get("detail")
    return fields | ({"message": message} if isinstance(message, str) else {})


def _text(body: bytes) -> str:
    return body[:2000].decode("utf-8", "replace")
