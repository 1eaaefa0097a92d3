"""The toolset ``fetch``, against a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import NotAllowed
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import HANG
from flask_agent_api.tools.fetch.domains import Domain
from flask_agent_api.tools.fetch.domains import DomainRules
from flask_agent_api.tools.fetch.page_text import page_text
from flask_agent_api.tools.fetch.toolset import FetchConfig
from flask_agent_api.tools.fetch.toolset import FetchToolset
from flask_agent_api.tools.http.headers import FileHeaders
from flask_agent_api.types import ToolResult
from tests.unit.web_requests import this_machine_is_public
from tests.unit.web_requests import use_names

pytestmark = pytest.mark.slow

PAGE = (
    b"<html><head><title>News</title><style>p {}</style></head><body><h1>Hello <b>there</b></h1>"
    b"<p>See <a href='/more'>more</a> of a_b.</p><script>alert(1)</script><ul><li>one</li><li>two</li></ul></body>"
)
HTML = "text/html; charset=utf-8"


@pytest.fixture
def site(server: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> FakeUpstream:
    """A server that counts as part of the internet."""
    this_machine_is_public(monkeypatch)
    return server


def fetch(arguments: dict[str, Any], config: FetchConfig | None = None, allow: frozenset[str] = frozenset()) -> Any:
    ctx = RunContext(Settings(allow=allow))
    toolset = FetchToolset("fetch", config or FetchConfig(seconds=5))
    return toolset.tools(ctx)[0].call({"format": "markdown", **arguments}, ctx)


def content(result: Any) -> str:
    assert isinstance(result, ToolResult)
    assert not result.is_error, result.content
    return result.content


def error(result: Any) -> str:
    assert isinstance(result, ToolResult)
    assert result.is_error
    return result.content


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("markdown", "News\n\n# Hello **there**\n\nSee [more](/more) of a\\_b.\n\n* one\n* two"),
        ("text", "News\n\nHello there\n\nSee more of a_b.\n\n* one\n* two"),
        ("html", PAGE.decode()),
    ],
)
def test_a_page_is_turned_into_what_was_asked_for(site: FakeUpstream, output: str, expected: str) -> None:
    site.answer(b"", 404)
    site.answer(PAGE, content_type=HTML)
    text = content(fetch({"urls": [site.url], "format": output}))
    head, _, body = text.partition(":\n\n")
    assert body.replace("a\\_b", "a_b") == expected.replace("a\\_b", "a_b")
    assert head == f"Successfully fetched {site.url} (Status: 200, Length: {len(body)} bytes)"
    robots, page = site.requests
    assert (robots.path, page.path) == ("/robots.txt", "/v1")
    assert page.headers["accept"].startswith("text/")


def test_several_urls_are_answered_each_for_itself(site: FakeUpstream) -> None:
    site.answer(b"", 404)
    site.answer(b"one", content_type="text/plain")
    site.answer(b"two", 500, content_type="text/plain")
    result = fetch({"urls": json.dumps([f"{site.url}/1", "file:///etc/passwd", f"{site.url}/2"]), "timeout": "3"})
    one, refused, two = json.loads(result)
    assert (one["statusCode"], one["status"], one["body"], one["contentLength"]) == (200, "200 OK", "one", 3)
    assert refused["error"] == "only HTTP and HTTPS URLs are supported"
    assert (two["statusCode"], two["body"]) == (500, "two")
    assert [request.path for request in site.requests] == ["/robots.txt", "/v1/1", "/v1/2"]


def test_robots_are_kept_out_where_a_site_wants_it(site: FakeUpstream) -> None:
    site.answer(b"User-agent: *\nDisallow: /v1/private*\n", content_type="text/plain")
    assert "URL blocked by robots.txt" in error(fetch({"urls": [f"{site.url}/private/x"]}))
    site.answer(b"", 503)
    assert "robots.txt check failed: unexpected status 503" in error(fetch({"urls": [site.url]}))
    assert [request.path for request in site.requests] == ["/robots.txt"] * 2


def test_a_robots_txt_that_cannot_be_had_forbids_nothing(site: FakeUpstream) -> None:
    site.answer(b"", 302, {"Location": "http://10.0.0.1/robots.txt"})
    site.answer(b"page", content_type="text/plain")
    assert content(fetch({"urls": [site.url]})).endswith("page")


def test_private_addresses_need_the_file_and_the_operator(site: FakeUpstream) -> None:
    url = f"http://127.0.0.2:{site.port}/"
    asks = FetchConfig(seconds=5, private=True)
    for config, allow in ((None, frozenset({"private-network"})), (asks, frozenset[str]())):
        with pytest.raises(NotAllowed, match=r"AGENT_API_ALLOW=private-network.*`allow_private_ips: true` as well"):
            fetch({"urls": [url]}, config, allow)
    assert "cannot be reached" in error(fetch({"urls": [url]}, asks, frozenset({"private-network"})))
    refused = json.loads(fetch({"urls": [url, url]}))
    assert all("not allowed" in each["error"] for each in refused)


def test_domains_are_checked_before_anything_is_asked(site: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    names = use_names(monkeypatch, a_test=[["127.0.0.1"]])
    allowed = FetchConfig(5, rules=DomainRules(allowed=[Domain.parse("a.test")]))
    assert '"b.test" is not in allowed_domains' in error(fetch({"urls": ["http://b.test/"]}, allowed))
    blocked = FetchConfig(5, rules=DomainRules(blocked=[Domain.parse("a.test")]))
    assert '"a.test" is blocked by blocked_domains' in error(fetch({"urls": ["http://A.test./"]}, blocked))
    assert names.asked == []
    site.answer(b"", 404)
    site.answer(b"", 302, {"Location": "http://b.test/"})
    result = fetch({"urls": [f"http://a.test:{site.port}/"]}, allowed)
    assert '"b.test" is not in allowed_domains' in error(result)
    assert names.asked == ["a.test", "a.test"]


def test_headers_of_the_file_are_sent_to_robots_and_page(site: FakeUpstream) -> None:
    site.answer(b"", 404)
    site.answer(b"x", content_type="text/plain")
    fetch({"urls": [site.url]}, FetchConfig(5, FileHeaders({"Accept": "mine", "X-Key": "secret"})))
    sent = [(request.headers["x-key"], request.headers["accept"]) for request in site.requests]
    assert sent == [("secret", "mine")] * 2


def test_what_is_no_text_is_refused(site: FakeUpstream) -> None:
    site.answer(b"", 404)
    site.answer(b"\x89PNG\0", content_type="image/png")
    assert "the content is image/png, which cannot be read as text" in error(fetch({"urls": [site.url]}))


def test_a_long_page_is_cut_and_says_so(site: FakeUpstream) -> None:
    site.answer(b"", 404)
    site.answer(b"x" * 1_100_000, content_type="text/plain")
    assert content(fetch({"urls": [site.url]})).endswith("x\n[cut: the page is longer than 1 MB]")


def test_a_site_that_hangs_costs_no_more_than_the_time_limit(site: FakeUpstream) -> None:
    site.answer(b"", 404)
    site.reply(HANG)
    assert "did not answer within 1 seconds" in error(fetch({"urls": [site.url], "timeout": 1}))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "`urls` must be"),
        ({"urls": []}, "`urls` must be"),
        ({"urls": [1]}, "`urls` must be"),
        ({"urls": ["http://a.test/"] * 21}, "1 to 20 URLs"),
        ({"urls": ["http://a.test/"], "format": "pdf"}, "`format` must be one of markdown, html, text"),
        ({"urls": ["http://a.test/"], "timeout": 301}, "300 seconds at the most"),
        ({"urls": ["http://a.test/"], "timeout": "soon"}, "whole number"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ToolError, match=problem):
        fetch(arguments)


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("example.com", "example.com", True),
        ("Example.COM.", "docs.example.com", True),
        ("example.com", "badexample.com", False),
        (".example.com", "example.com", False),
        (".example.com", "a.b.example.com", True),
        ("*.example.com", "docs.example.com", True),
        ("*.example.com", "example.com", False),
        ("169.254.169.254", "169.254.169.254", True),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.0/8", "10.9.8.7", True),
        ("10.0.0.1/8", "10.9.8.7", True),
        ("10.0.0.0/8", "ten.example.com", False),
        ("fc00::/7", "fd00::1", True),
        ("[::1]", "::1", True),
        ("bücher.example", "xn--bcher-kva.example", True),
    ],
)
def test_patterns_of_domains(pattern: str, host: str, matches: bool) -> None:
    assert Domain.parse(pattern).matches(host) is matches


@pytest.mark.parametrize("pattern", ["*", "foo.*", "*.*.example.com", "", "https://a.com", "a.com:80", "1.2.3.4/40"])
def test_patterns_that_mean_nothing_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="expected a domain"):
        Domain.parse(pattern)


def test_odd_html_is_text_all_the_same() -> None:
    assert page_text("no markup", "markdown") == "no markup"
    assert page_text("<?xml version='1.0'?><html><p>x</p></html>", "text") == "x"
    assert page_text("<div>" * 3000 + "deep", "markdown") == "deep"
    assert page_text("<p>unclosed <b>bold", "text") == "unclosed bold"


def test_html_that_takes_for_ever_is_given_up(site: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_agent_api.tools.fetch.toolset._CONVERT_SECONDS", 0.3)
    site.answer(b"", 404)
    site.answer(b"<b>" * 300_000, content_type=HTML)
    assert "too tangled" in error(fetch({"urls": [site.url]}))
