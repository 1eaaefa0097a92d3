"""The toolset ``api``, against a real server."""

from __future__ import annotations

from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import NotAllowed
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.tools.api import APIToolset
from flask_agent_api.tools.api import Endpoint
from flask_agent_api.tools.header_template import HeaderTemplate
from flask_agent_api.tools.header_template import RequestHeader
from flask_agent_api.tools.http.headers import FileHeaders
from flask_agent_api.tools.http.templates import URLTemplate
from flask_agent_api.types import ToolResult


def call(server: FakeUpstream, path: str, arguments: dict[str, Any], method: str = "GET", **options: Any) -> ToolResult:
    headers = options.pop("sent", {})
    allow = options.pop("allow", ("private-network",))
    endpoint = Endpoint("ask", method, URLTemplate.parse(server.url + path), seconds=5, **options)
    ctx = RunContext(Settings(allow=allow), headers=headers)
    result = APIToolset(endpoint).tools(ctx)[0].call(arguments, ctx)
    assert isinstance(result, ToolResult)
    return result


def test_arguments_stand_in_the_url_encoded(server: FakeUpstream) -> None:
    server.answer(b"fine", content_type="text/plain")
    path = "/u/${name}?q=${encodeURIComponent(q)}&n=${ n || '7' }&flag=${flag}&none=${none}&list=${list}"
    arguments = {"name": "a/b?c#d@e", "q": "x&y=z ä", "flag": True, "list": [1, "b"]}
    assert call(server, path, arguments) == ToolResult("fine")
    sent = server.requests[0].path
    assert sent == "/v1/u/a%2Fb%3Fc%23d%40e?q=x%26y%3Dz%20%C3%A4&n=7&flag=true&none=&list=1%2Cb"


@pytest.mark.parametrize("value", [".", ".."])
def test_arguments_cannot_walk_up_the_path(server: FakeUpstream, value: str) -> None:
    with pytest.raises(ToolError, match="cannot be part of the path"):
        call(server, "/u/${name}/x", {"name": value})
    assert server.connections == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_arguments_are_the_json_body(server: FakeUpstream, method: str) -> None:
    server.answer({"id": 1})
    assert call(server, "/u", {"title": "t", "n": 1}, method) == ToolResult('{"id": 1}')
    request = server.requests[0]
    assert (request.method, request.json, request.headers["content-type"]) == (
        method, {"title": "t", "n": 1}, "application/json",
    )  # fmt: skip


def test_delete_has_no_body(server: FakeUpstream) -> None:
    server.answer(b"", 204)
    assert call(server, "/u/${id}", {"id": 3}, "DELETE") == ToolResult("")
    assert (server.requests[0].path, server.requests[0].body) == ("/v1/u/3", "")


def test_headers_of_file_and_request_are_sent(server: FakeUpstream) -> None:
    template = HeaderTemplate(("Bearer ", RequestHeader("x-token")))
    headers = FileHeaders({"X-Key": "k"}, {"Authorization": template})
    for _ in range(2):
        server.answer(b"")
    call(server, "", {}, headers=headers, sent={"x-token": "t"})
    call(server, "", {}, headers=headers)
    assert [request.headers.get("authorization") for request in server.requests] == ["Bearer t", None]
    assert server.requests[0].headers["x-key"] == "k"
    with pytest.raises(ToolError, match="cannot be passed on"):
        call(server, "", {}, headers=headers, sent={"x-token": "t\r\nX: y"})


def test_an_error_of_the_api_is_one_for_the_model(server: FakeUpstream) -> None:
    server.answer(b"no such user", 404, content_type="text/plain")
    assert call(server, "", {}) == ToolResult("API request failed with status 404 Not Found: no such user", True)


def test_a_required_argument_is_asked_for(server: FakeUpstream) -> None:
    with pytest.raises(ToolError, match="the argument q is missing"):
        call(server, "", {"q": None}, required=["q"])


def test_a_private_host_of_the_file_needs_the_operator(server: FakeUpstream) -> None:
    for allow, private in (((), None), ((), True), (("private-network",), False)):
        with pytest.raises(NotAllowed):
            call(server, "", {}, allow=allow, private=private)
    assert server.connections == 0


def test_a_redirect_to_another_private_host_needs_the_file_too(server: FakeUpstream) -> None:
    elsewhere = f"http://localhost:{server.port}/"
    server.answer(b"", 302, {"Location": elsewhere})
    with pytest.raises(NotAllowed, match="localhost"):
        call(server, "", {})
    server.answer(b"", 302, {"Location": elsewhere})
    server.answer(b"there", content_type="text/plain")
    assert call(server, "", {}, private=True) == ToolResult("there")


@pytest.mark.parametrize(
    "text",
    [
        "https://${host}/x",
        "${scheme}://a.test/x",
        "https://a.test${port}/x",
        "https://a.test:${port}/x",
        "https://${user}@a.test/x",
        "https://a.test@${host}/",
        "https://u:p@a.test/${x}",
        "https://a.test\\${host}/",
        "//a.test/${x}",
        "file:///${x}",
        "https://a.test/${x.y()}",
        "https://a.test/${headers.X}",
        "https://a.test/${unclosed",
        "",
        "nothing",
    ],
)
def test_endpoints_whose_host_is_not_fixed_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        URLTemplate.parse(text)


@pytest.mark.parametrize("value", ["@evil.test/", "//evil.test", "\\evil.test", "#@evil.test", "%2e%2e/", "\r\nX: y"])
def test_no_argument_changes_who_is_asked(value: str) -> None:
    for text in ("https://a.test/${x}", "https://a.test?q=${x}", "https://a.test:8443/v1/${x}/${x}"):
        url = URLTemplate.parse(text).fill({"x": value})
        assert url.origin == URLTemplate.parse(text).fill({"x": "1"}).origin
        assert "evil.test" not in url.authority
