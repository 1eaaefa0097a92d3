"""From what went wrong in a model call to its row of the table, and to what the client is told."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ..errors import ModelError
from ..errors import NO_RETRY
from .failure_table import BAD_IMAGE
from .failure_table import BUSY
from .failure_table import by_hints
from .failure_table import by_status
from .failure_table import CUT
from .failure_table import EMPTY
from .failure_table import Failure
from .failure_table import LIMITED
from .failure_table import NO_ANSWER
from .failure_table import NO_CONNECTION
from .failure_table import OUT_OF_QUOTA
from .failure_table import REDIRECT
from .failure_table import RESTING
from .failure_table import STALLED
from .failure_table import STATUS_OF_HINT
from .failure_table import TOO_LONG
from .failure_table import TRUNCATED
from .failure_table import UNREACHABLE
from .failure_table import UNREADABLE
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
_IMAGE = re.compile(
    r"(?:process|download|decode|fetch|load|read|parse)\b.{0,40}\bimages?\b"
    r"|\bimages?\b.{0,60}\b(?:invalid|corrupt|not supported|unsupported|too large)"
    r"|\b(?:invalid|unsupported|corrupt)\b.{0,20}\bimages?\b",
    re.IGNORECASE | re.DOTALL,
)
_WITH_RETRY_AFTER = (LIMITED, OUT_OF_QUOTA, RESTING, BUSY)


class CallFailed(Exception):
    """One attempt failed; the ``row`` of the table says what to make of it.

    ``wait`` is how many seconds the provider asks for, ``text`` what it said, which is not fit for clients. ``begun``
    is set where something of the answer had been shown.
    """

    def __init__(self, row: Failure, message: str, *, wait: float | None = None, text: str = "") -> None:
        super().__init__(message)
        self.row = row
        self.wait = wait
        self.text = text
        self.begun = False

    def error(self) -> ModelError:
        """What the client is told."""
        headers = dict(NO_RETRY) if self.row.final else {}
        if self.row in _WITH_RETRY_AFTER and self.wait is not None:
            headers["Retry-After"] = str(math.ceil(self.wait))
        return self.row.error(str(self), code=self.row.code, headers=headers)


def from_status(status: int, headers: Mapping[str, str], body: bytes, model: str) -> CallFailed:
    """What an answer other than 200 means."""
    if 300 <= status < 400:
        logger.warning("model %s: a redirect (%d) was not followed", model, status)
        message = "The model's provider answered with a redirect: the agent's base_url is not its final address"
        return CallFailed(REDIRECT, message)
    fields = _error_fields(body)
    logger.warning("model %s: status %d: %s", model, status, _masked(fields.get("message") or _text(body), 1000))
    return _failure(status, fields, headers)


def from_event(body: object, model: str) -> CallFailed:
    """What an error object inside a stream, or in a 200, means. ``body`` is it or an object that holds it."""
    fields = _fields_of(body)
    logger.warning("model %s: error in the answer: %s", model, _masked(fields.get("message", ""), 1000))
    hints = (fields.get("code", ""), fields.get("type", ""))
    numbers = (int(hint) for hint in hints if hint.isascii() and hint.isdigit() and len(hint) == 3)
    known = (STATUS_OF_HINT[hint] for hint in hints if hint in STATUS_OF_HINT)
    return _failure(next(numbers, 0) or next(known, 0), fields, {})


def from_transport(error: TransportError) -> CallFailed:
    """What a failure below HTTP means. A stream that broke off is retried only if it had shown nothing."""
    if isinstance(error, TransportTimeout):
        return CallFailed({"connect": NO_CONNECTION, "first_byte": NO_ANSWER}.get(error.phase, STALLED), error.message)
    return CallFailed({"connect": UNREACHABLE, "protocol": UNREADABLE}.get(error.phase, CUT), error.message)


def bad_answer(model: str, why: str) -> CallFailed:
    """An answer that is none: not JSON, not of the right shape."""
    logger.warning("model %s: %s", model, why)
    return CallFailed(UNREADABLE, "The model's provider sent an answer that cannot be read")


def truncated(begun: bool) -> CallFailed:
    """A stream that ended without a finish_reason, which must never look like a complete answer.

    It may be tried again as long as it showed nothing, ``begun`` or not.
    """
    if begun:
        return CallFailed(TRUNCATED, "The model's answer broke off")
    return CallFailed(EMPTY, "The model's provider sent an empty answer")


def _failure(status: int, fields: Mapping[str, str], headers: Mapping[str, str]) -> CallFailed:
    text, row = fields.get("message", ""), _row(status, fields)
    said = f"answered {status} ({_phrase(status)})" if status else "reported an error"
    message = (
        "The conversation is too long for the agent's model" if row is TOO_LONG else f"The model's provider {said}"
    )
    if row.shown:
        message = _with_detail(message, text)
    return CallFailed(row, message, wait=retry_after_seconds(headers), text=f"{fields.get('param', '')} {text}")


def _row(status: int, fields: Mapping[str, str]) -> Failure:
    """What the error object says counts for more than the status."""
    if row := by_hints((fields.get("code", ""), fields.get("type", ""))):
        return row
    if status in {0, 400, 413, 422} and (text := fields.get("message", "")[:_MASKED_CHARS]):
        if _CONTEXT_LENGTH.search(text):
            return TOO_LONG
        if status and _IMAGE.search(text):
            return BAD_IMAGE
    return by_status(status)


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
    if isinstance(message, dict | list):  # Mistral's, and other pydantic servers': where and what
        message = json.dumps(message)
    return fields | ({"message": message} if isinstance(message, str) else {})


def _text(body: bytes) -> str:
    return body[:2000].decode("utf-8", "replace")
