"""What a failed model call means to our client, and whether another attempt makes sense: one table for all.

The page on errors shows the same table, and a test plays every row against a server.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import ContentRejected
from ..errors import ConversationTooLong
from ..errors import ModelError
from ..errors import ModelRateLimited
from ..errors import ModelTimeout
from ..errors import ModelUnavailable


@dataclass(frozen=True, slots=True)
class Failure:
    """A row. ``when`` says what the provider did, ``error`` and ``code`` what our client gets for it.

    ``retry``: another attempt may help, as long as the call has shown nothing. ``final``: no repetition helps, not
    even later, so clients are told not to try (``X-Should-Retry: false``). ``lasting``: for a while other requests
    would fare no better, so a model with fallbacks is left in peace. ``shown``: the provider's own words are about the
    request, and are passed on. ``statuses`` of answers and ``hints`` (``code`` or ``type`` of an error object, also in
    the middle of a stream, where they stand for the first of the statuses) lead to the row.
    """

    name: str
    when: str
    error: type[ModelError]
    code: str
    retry: bool
    final: bool = False
    lasting: bool = False
    shown: bool = False
    statuses: tuple[int, ...] = ()
    hints: tuple[str, ...] = ()


REJECTED = Failure(
    "rejected", "answers 400, 413, 422 or another 4xx", ModelError, "upstream_rejected", retry=False, final=True,
    shown=True, statuses=(400, 413, 422), hints=("invalid_request_error",),
)  # fmt: skip
TOO_LONG = Failure(
    "too long", "says that the context is too long", ConversationTooLong, "context_length_exceeded", retry=False,
    shown=True, hints=("context_length_exceeded",),
)  # fmt: skip
FILTERED = Failure(
    "filtered", "refuses the content of the request by its policy", ContentRejected, "content_policy_violation",
    retry=False, shown=True,
    hints=(
        "content_policy_violation", "content_filter", "ResponsibleAIPolicyViolation", "image_content_policy_violation",
        "invalid_prompt", "moderation_blocked",
    ),
)  # fmt: skip
BAD_IMAGE = Failure(
    "bad image", "cannot load or read an image of the request", ContentRejected, "invalid_image", retry=False,
    shown=True,
    hints=(
        "invalid_image", "invalid_image_format", "invalid_image_url", "invalid_image_mode", "invalid_base64_image",
        "image_parse_error", "image_too_large", "image_too_small", "image_file_too_large", "empty_image_file",
        "unsupported_image_media_type", "failed_to_download_image", "image_file_not_found",
    ),
)  # fmt: skip
UNAUTHORIZED = Failure(
    "unauthorized", "answers 401: the key is wrong", ModelError, "upstream_auth", retry=False, final=True,
    lasting=True, statuses=(401,), hints=("invalid_api_key", "authentication_error"),
)  # fmt: skip
FORBIDDEN = Failure(
    "forbidden", "answers 403", ModelError, "upstream_auth", retry=False, final=True, lasting=True, statuses=(403,),
    hints=("permission_error",),
)  # fmt: skip
NOT_FOUND = Failure(
    "not found", "answers 404: no such model, or a wrong base URL", ModelError, "upstream_not_found", retry=False,
    final=True, lasting=True, shown=True, statuses=(404,), hints=("model_not_found",),
)  # fmt: skip
LIMITED = Failure(
    "limited", "answers 429 or 409; `Retry-After` is honoured, and passed on", ModelRateLimited, "rate_limit_exceeded",
    retry=True, lasting=True, statuses=(429, 409), hints=("rate_limit_exceeded", "rate_limit_error"),
)  # fmt: skip
OUT_OF_QUOTA = Failure(
    "out of quota", "answers 402, or says that the quota is used up", ModelRateLimited, "insufficient_quota",
    retry=False, final=True, lasting=True, statuses=(402,), hints=("insufficient_quota",),
)  # fmt: skip
REDIRECT = Failure(
    "redirect", "answers 3xx: redirects are not followed", ModelError, "upstream_redirect", retry=False, final=True,
    lasting=True,
)  # fmt: skip
BROKEN = Failure(
    "broken", "answers 500 or another 5xx", ModelError, "upstream_error", retry=True, statuses=(500,),
    hints=("server_error", "api_error"),
)  # fmt: skip
OVERLOADED = Failure(
    "overloaded", "answers 503 or 529", ModelUnavailable, "upstream_unavailable", retry=True, statuses=(503, 529),
    hints=("overloaded", "overloaded_error", "service_unavailable"),
)  # fmt: skip
SLOW = Failure(
    "slow", "answers 504 or 408", ModelTimeout, "upstream_timeout", retry=True, statuses=(504, 408), hints=("timeout",)
)
UNEXPECTED = Failure(
    "unexpected", "answers another status, or sends an error that says nothing", ModelError, "upstream_error",
    retry=False,
)  # fmt: skip
UNREACHABLE = Failure("unreachable", "cannot be connected to", ModelUnavailable, "upstream_unreachable", retry=True)
NO_CONNECTION = Failure(
    "no connection", "does not complete a connection in time", ModelTimeout, "upstream_timeout", retry=True
)
NO_ANSWER = Failure("no answer", "does not begin to answer in time", ModelTimeout, "upstream_timeout", retry=True)
STALLED = Failure("stalled", "begins to answer and falls silent", ModelTimeout, "upstream_timeout", retry=False)
CUT = Failure("cut", "closes or resets the connection", ModelError, "upstream_error", retry=True)
UNREADABLE = Failure(
    "unreadable", "sends what cannot be read: HTML, no JSON, a wrong shape, compressed, no HTTP", ModelError,
    "upstream_error", retry=False,
)  # fmt: skip
EMPTY = Failure("empty", "sends an empty stream", ModelError, "upstream_error", retry=True)
TRUNCATED = Failure(
    "truncated", "ends its stream without a finish_reason", ModelError, "upstream_truncated", retry=True
)
RESTING = Failure(
    "resting", "has failed too often in a row, and is not asked", ModelUnavailable, "upstream_unavailable", retry=False
)
BUSY = Failure("busy", "has as many calls as it may have", ModelUnavailable, "upstream_unavailable", retry=False)

TABLE = (
    REJECTED, TOO_LONG, FILTERED, BAD_IMAGE, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, LIMITED, OUT_OF_QUOTA, REDIRECT,
    BROKEN, OVERLOADED, SLOW, UNEXPECTED, UNREACHABLE, NO_CONNECTION, NO_ANSWER, STALLED, CUT, UNREADABLE, EMPTY,
    TRUNCATED,
)  # fmt: skip
"""What providers do, in the order of the documentation. Calls that we do not make at all are no part of it."""

STATUS_OF_HINT = {hint: row.statuses[0] for row in TABLE if row.statuses for hint in row.hints}
"""What an error object's ``code`` or ``type`` stands for."""

_SPEAKING = {hint: row for row in (TOO_LONG, OUT_OF_QUOTA, FILTERED, BAD_IMAGE) for hint in row.hints}
_BY_STATUS = {status: row for row in TABLE for status in row.statuses}


def by_status(status: int) -> Failure:
    """The row of an answer's status; 0 is an error without one."""
    return _BY_STATUS.get(status) or (BROKEN if status >= 500 else REJECTED if status >= 400 else UNEXPECTED)


def by_hints(hints: Iterable[str]) -> Failure | None:
    """The row of an error object that says more than its status does; None if it does not."""
    return next((_SPEAKING[hint] for hint in hints if hint in _SPEAKING), None)
