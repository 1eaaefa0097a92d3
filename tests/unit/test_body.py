from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from flask_agent_api.errors import RequestError
from flask_agent_api.web.body import read_json_body


def request(data: bytes, content_type: str | None = "application/json", **environ: Any) -> Request:
    builder = EnvironBuilder(method="POST", input_stream=io.BytesIO(data), content_type=content_type)
    builder.content_length = len(data)
    return Request({**builder.get_environ(), **environ})


def refused(request: Request, limit: int = 10) -> RequestError:
    with pytest.raises(RequestError) as caught:
        read_json_body(request, limit, 5.0)
    return caught.value


def chunked(data: bytes) -> Request:
    built = request(data)
    del built.environ["CONTENT_LENGTH"]
    built.environ["wsgi.input_terminated"] = True
    return Request(built.environ)


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json"])
def test_json_is_read_up_to_the_limit(content_type: str) -> None:
    assert read_json_body(request(b"0123456789", content_type), 10, 5.0) == b"0123456789"
    assert read_json_body(chunked(b"0123456789"), 10, 5.0) == b"0123456789"


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "json"])
def test_other_types_are_refused(content_type: str | None) -> None:
    error = refused(request(b"{}", content_type))
    assert (error.status, error.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize("make", [request, chunked])
def test_too_long_is_refused_when_the_client_can_read_it(make: Callable[[bytes], Request]) -> None:
    """Many clients read no answer before they have sent all."""
    built = make(b"x" * 1000)
    error = refused(built)
    assert (error.status, error.code) == (413, "request_too_large")
    assert built.environ["wsgi.input"].tell() == 1000


def test_short_body_is_refused() -> None:
    error = refused(request(b"abc", CONTENT_LENGTH="9"))
    assert (error.status, error.code) == (400, "incomplete_body")
