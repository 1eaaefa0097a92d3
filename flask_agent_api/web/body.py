"""Reads a request body: whole, bounded, and JSON."""

from __future__ import annotations

import functools
from collections.abc import Callable

from flask import after_this_request
from flask import Request
from flask import Response
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header
from werkzeug.sansio.utils import get_content_length

from ..concurrency import client_socket
from ..concurrency import Deadline
from ..concurrency import patched
from ..concurrency import sleep
from ..errors import RequestError

MOST_DISCARDED = 16 * 1024 * 1024
"""Bytes of a body that is too large that are read all the same."""

DISCARD_SECONDS = 1.0
"""How long, at the most: a client that stops in the middle waits for the answer already."""

_PIECE = 64 * 1024


def read_json_body(request: Request, limit: int, seconds: float) -> bytes:
    """The body's bytes.

    Raises :class:`RequestError`: 415 unless it is said to be JSON (a web page cannot send that to another origin
    without asking), 413 over ``limit`` bytes, 408 when it is not complete after ``seconds``
    (under gevent), 400 when it is cut off.
    """
    environ = request.environ
    if not _is_json(environ.get("CONTENT_TYPE", "")):
        message = "Send the request as JSON, with the header 'Content-Type: application/json'"
        raise RequestError(message, status=415, code="unsupported_media_type")
    length = get_content_length(environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING"))
    limit = min(limit, request.max_content_length or limit)  # the host app may have one, too
    if length is not None and length > limit:
        raise _too_large(request, limit, seconds)
    body = _read(request, length, limit, seconds)
    if len(body) > limit:
        raise _too_large(request, limit, seconds)
    if length is not None and len(body) < length:
        raise RequestError("The request body is shorter than its Content-Length", code="incomplete_body")
    return body


@functools.lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    kind = parse_options_header(content_type)[0].lower()
    return kind == "application/json" or kind.endswith("+json")


def _read(request: Request, length: int | None, limit: int, seconds: float) -> bytes:
    try:
        with Deadline(seconds):
            if "stream" in vars(request):  # a hook of the host app has begun to read
                return request.get_data()
            if length is None:
                return request.stream.read(limit + 1)
            return request.environ["wsgi.input"].read(length)  # type: ignore[no-any-return]
    except TimeoutError:
        message = f"The request body was not complete after {seconds:g} seconds"
        raise RequestError(message, status=408, code="request_timeout") from None
    except HTTPException:
        raise
    except Exception as exc:  # of the server's own parser, whichever server it is
        raise RequestError("The request body is cut off or malformed", code="incomplete_body") from exc


def _too_large(request: Request, limit: int, seconds: float) -> RequestError:
    """The error, once the client can read it: many do so only when they have sent all.

    One that goes on for too long is cut off behind the answer, since the server itself would read on to the end.
    """
    has_all = not patched() or _reads_to_the_end(request, seconds)  # in threads nothing would end the reading
    if not has_all and (client := client_socket(request.environ)) is not None:
        after_this_request(lambda response: _closed_by(response, client.shut_down))
    message = f"The request body is larger than {limit} bytes"
    return RequestError(message, status=413, code="request_too_large")


def _reads_to_the_end(request: Request, seconds: float) -> bool:
    """Reads what is left of the body, in pieces between which others have their turn; false if that is too much."""
    source = request.environ["wsgi.input"]
    try:
        with Deadline(min(seconds, DISCARD_SECONDS)):
            for _ in range(MOST_DISCARDED // _PIECE):
                if not source.read(_PIECE):
                    return True
                sleep(0)
    except Exception:  # of the server's own parser, and when time is up
        return False
    return False


def _closed_by(response: Response, close: Callable[[], object]) -> Response:
    response.call_on_close(close)
    return response
