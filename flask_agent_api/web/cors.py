"""Which web pages of other origins may read our answers (Cross-Origin Resource Sharing)."""

from __future__ import annotations

import re

from flask import Request
from flask import Response

from ..settings import Settings

_METHODS = "GET, HEAD, POST, DELETE"
_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "User-Agent",  # of OpenAI's SDK for JavaScript, which sets it in browsers as well
    "X-Conversation-Id",
    "X-Request-Id",
)
_REQUEST_HEADER_FAMILY = re.compile(r"(?:x-agent|x-stainless|openai)-[a-z0-9-]{1,64}", re.IGNORECASE)
_RESPONSE_HEADERS = (
    "Idempotency-Replayed",
    "Retry-After",
    "X-Agent",
    "X-Agent-Ignored",
    "X-Agent-Task",
    "X-Conversation-Id",
    "X-RateLimit-Limit-Requests",
    "X-RateLimit-Limit-Tokens",
    "X-RateLimit-Remaining-Requests",
    "X-RateLimit-Remaining-Tokens",
    "X-RateLimit-Reset-Requests",
    "X-RateLimit-Reset-Tokens",
    "X-Request-Id",
    "X-Should-Retry",
)
_MAX_AGE = "600"


class Cors:
    """The rules of one registration. An origin is listed or not: there are no patterns, and no ``*``."""

    def __init__(self, settings: Settings) -> None:
        self._origins = frozenset(settings.cors_origins)
        self._credentials = settings.cors_credentials
        named = {name.title() for name in (*settings.conversation_headers, *settings.ever_forwarded)}
        self._request_headers = sorted({*_REQUEST_HEADERS, *named})
        self._response_headers = ", ".join(_RESPONSE_HEADERS)

    def preflight(self, request: Request) -> Response | None:
        """The answer to a browser that asks before it sends a request; None if this is no such question.

        It is the same for every path, and needs no key: a browser sends none.
        """
        environ = request.environ
        if request.method != "OPTIONS" or "HTTP_ORIGIN" not in environ:
            return None
        if "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in environ:
            return None
        response = Response(status=204)
        if self._admits(request):
            asked = (name.strip() for name in environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").split(","))
            families = [name for name in asked if _REQUEST_HEADER_FAMILY.fullmatch(name)]
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = ", ".join([*self._request_headers, *families])
            response.headers["Access-Control-Max-Age"] = _MAX_AGE
        return response

    def mark(self, request: Request, response: Response) -> None:
        """Adds to any answer of ours, errors and streams included, what lets a listed page read it."""
        if not self._origins:
            return
        headers = response.headers
        headers.add("Vary", "Origin")
        if not self._admits(request):
            return
        headers["Access-Control-Allow-Origin"] = request.environ["HTTP_ORIGIN"]
        headers["Access-Control-Expose-Headers"] = self._response_headers
        if self._credentials:
            headers["Access-Control-Allow-Credentials"] = "true"

    def _admits(self, request: Request) -> bool:
        return request.environ.get("HTTP_ORIGIN") in self._origins
