"""Reads a request body: whole, bounded, and JSON."""

from __future__ import annotations

from flask import Request
from werkzeug.exceptions import HTTPException

from ..concurrency import deadline
from ..errors import RequestError


def read_json_body(request: Request, limit: int, seconds: float) -> bytes:
    """The body's bytes.

    Raises :class:`RequestError`: 415 unless it is said to be JSON (a web page cannot send that to another origin
    without asking), 413 over ``limit`` bytes, 408 when it is not complete after ``seconds``
    (under gevent), 400 when it is cut off.
    """
    if request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        message = "Send the request as JSON, with the header 'Content-Type: application/json'"
        raise RequestError(message, status=415, code="unsupported_media_type")
    length = request.content_length
    limit = min(limit, request.max_content_length or limit)  # the host app may have one, too
    if length is not None and length > limit:
        raise _too_large(limit)
    body = _read(request, limit + 1 if length is None else length, seconds)
    if len(body) > limit:
        raise _too_large(limit)
    if length is not None and len(body) < length:
        raise RequestError("The request body is shorter than its Content-Length", code="incomplete_body")
    return body


def _read(request: Request, size: int, seconds: float) -> bytes:
    try:
        with deadline(seconds):
            if "stream" in vars(request):  # a hook of the host app has begun to read
                return request.get_data()
            source = request.stream if request.content_length is None else request.environ["wsgi.input"]
            return source.read(size)
    except TimeoutError:
        message = f"The request body was not complete after {seconds:g} seconds"
        raise RequestError(message, status=408, code="request_timeout") from None
    except HTTPException:
        raise
    except Exception as exc:  # of the server's own parser, whichever server it is
        raise RequestError("The request body is cut off or malformed", code="incomplete_body") from exc


def _too_large(limit: int) -> RequestError:
    message = f"The request body is larger than {limit} bytes"
    return RequestError(message, status=413, code="request_too_large")
