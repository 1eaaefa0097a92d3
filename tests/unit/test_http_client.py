"""The client of tools, against real sockets."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.errors import ToolError
from flask_agent_api.testing import black_hole
from flask_agent_api.testing import CLOSE
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import gate
from flask_agent_api.testing import HANG
from flask_agent_api.testing import RESET
from flask_agent_api.tools.http.client import Request
from flask_agent_api.tools.http.client import send
from flask_agent_api.tools.http.content import decoded
from flask_agent_api.tools.http.exchange import Response
from flask_agent_api.tools.http.url import parse_url
from tests.unit.proxy import Proxy
from tests.unit.web_requests import PROXY_VARIABLES
from tests.unit.web_requests import use_names
from tests.unit.web_requests import without_proxies

pytestmark = pytest.mark.slow


def ask(
    server: FakeUpstream | str, method: str = "GET", *, body: bytes | None = None, limit: int = 1000,
    seconds: float = 5, own: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    url = server if isinstance(server, str) else server.url
    return send(Request(method, parse_url(url), {}, own or {}, body, seconds, limit), lambda url: True)


def test_a_request_is_what_it_should_be(server: FakeUpstream) -> None:
    server.answer({"ok": True})
    response = ask(f"{server.url}/a?q=ä&r=%20#part", own={"X-Key": "secret", "user-agent": "mine"})
    assert (response.status, response.reason, response.text()) == (200, "OK", '{"ok": true}')
    request = server.requests[0]
    assert (request.method, request.path) == ("GET", "/v1/a?q=%C3%A4&r=%20")
    assert request.headers["x-key"] == "secret"
    assert request.headers["user-agent"] == "mine"
    assert "content-length" not in request.headers


def test_a_body_is_sent(server: FakeUpstream) -> None:
    server.answer(b"", 201)
    assert ask(server, "POST", body=b'{"a": 1}').status == 201
    assert server.requests[0].json == {"a": 1}
    assert server.requests[0].headers["content-type"] == "application/json"


def test_the_body_of_an_answer_to_head_is_not_waited_for(server: FakeUpstream) -> None:
    server.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nContent-Encoding: gzip\r\n\r\n", HANG)
    response = ask(server, "HEAD")
    assert (response.status, response.content) == (200, b"")


@pytest.mark.parametrize("limit", [10, 50, 51])
def test_what_is_too_long_is_cut(server: FakeUpstream, limit: int) -> None:
    server.answer(b"x" * 51)
    response = ask(server, limit=limit)
    assert (response.content, response.cut) == (b"x" * limit, limit < 51)


def test_a_flood_is_read_no_further_than_the_limit(server: FakeUpstream) -> None:
    server.reply(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, HANG)
    assert ask(server, limit=1000).cut
    server.wait(open=0)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("Deflate", lambda data: zlib.compress(data)[2:-4]),
        ("identity", bytes),
    ],
)
def test_compressed_content_is_unpacked(server: FakeUpstream, encoding: str, pack: object) -> None:
    server.answer(pack(b"hello " * 20), headers={"Content-Encoding": encoding})  # type: ignore[operator]
    assert ask(server).content == b"hello " * 20


def test_a_bomb_takes_no_more_than_the_limit(server: FakeUpstream) -> None:
    server.answer(gzip.compress(bytes(100_000_000)), headers={"Content-Encoding": "gzip"})
    response = ask(server, limit=200_000)
    assert (len(response.content), response.cut) == (200_000, True)


@pytest.mark.parametrize(
    ("encoding", "body", "problem"),
    [("br", b"x", "not asked for"), ("gzip, gzip", b"x", "not asked for"), ("gzip", b"no gzip", "decompressed")],
)
def test_content_that_cannot_be_unpacked_is_an_error(
    server: FakeUpstream, encoding: str, body: bytes, problem: str
) -> None:
    server.answer(body, headers={"Content-Encoding": encoding})
    with pytest.raises(ToolError, match=problem):
        ask(server)


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ((b"SSH-2.0\r\n",), "valid HTTP"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", CLOSE), "broke its answer off"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", CLOSE), "broke its answer off"),
        ((CLOSE,), "broke its answer off"),
        ((RESET,), "broke the connection off"),
        ((b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",), "valid HTTP"),
        ((b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,), "without end"),
    ],
)
def test_an_answer_that_is_none_is_an_error(server: FakeUpstream, steps: tuple[bytes], problem: str) -> None:
    server.reply(*steps)
    with pytest.raises(ToolError, match=problem):
        ask(server)


@pytest.mark.parametrize("begin", [(), (b"HTTP/1.1 200 OK\r\n",), (b"HTTP/1.1 200 OK\r\n\r\nabc",)])
def test_a_server_that_hangs_costs_no_more_than_its_time(server: FakeUpstream, begin: tuple[bytes, ...]) -> None:
    server.reply(*begin, HANG)
    started = time.monotonic()
    with pytest.raises(ToolError, match=r"did not answer within 0\.2 seconds"):
        ask(server, seconds=0.2)
    assert time.monotonic() - started < 1
    server.wait(open=0)


def test_a_server_that_never_accepts_costs_no_more_than_its_time() -> None:
    with black_hole() as url, pytest.raises(ToolError, match="did not answer within"):
        ask(url, seconds=0.2)


@pytest.mark.parametrize("begin", [(), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",)])
def test_a_cancelled_task_closes_the_connection_at_once(server: FakeUpstream, begin: tuple[bytes, ...]) -> None:
    server.reply(*begin, gate("never"))

    def work() -> None:
        with pytest.raises(Cancelled):
            ask(server)

    task = spawn(work)
    server.wait(requests=1, open=1)
    task.cancel(Cancelled("enough"))
    assert task.join(1)
    server.wait(open=0)


def test_another_address_is_tried_if_one_does_not_answer(server: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    use_names(monkeypatch, two_test=[["127.0.0.2", "127.0.0.1"]])
    server.answer(b"second")
    assert ask(f"http://two.test:{server.port}/").content == b"second"


def test_redirects_are_followed_and_keep_headers_on_their_way_within_an_origin(server: FakeUpstream) -> None:
    server.answer(b"", 301, {"Location": "two?x=1"})
    server.answer(b"", 302, {"Location": "/three"})
    server.answer(b"there")
    assert str(ask(server, own={"X-Key": "secret"}).url) == f"http://127.0.0.1:{server.port}/three"
    assert [request.path for request in server.requests] == ["/v1", "/two?x=1", "/three"]
    assert [request.headers.get("x-key") for request in server.requests] == ["secret"] * 3


def test_headers_of_the_file_stay_with_their_origin(server: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    use_names(monkeypatch, a_test=[["127.0.0.1"]], b_test=[["127.0.0.1"]])
    server.answer(b"", 302, {"Location": f"http://b.test:{server.port}/"})
    server.answer(b"", 302, {"Location": f"http://a.test:{server.port}/back"})
    server.answer(b"")
    ask(f"http://a.test:{server.port}/", own={"X-Key": "secret"})
    assert [request.headers.get("x-key") for request in server.requests] == ["secret", None, None]


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
def test_a_redirect_of_a_post_does_what_its_status_says(server: FakeUpstream, status: int, method: str) -> None:
    server.answer(b"", status, {"Location": "/there"})
    server.answer(b"")
    ask(server, "POST", body=b"{}")
    assert [request.method for request in server.requests] == ["POST", method]
    assert server.requests[1].body == ("{}" if method == "POST" else "")


def test_what_was_sent_goes_to_no_other_host(server: FakeUpstream) -> None:
    server.answer(b"", 307, {"Location": f"http://localhost:{server.port}/"})
    with pytest.raises(ToolError, match="another host, localhost"):
        ask(server, "POST", body=b"{}")


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\0b", "日本"])
def test_a_header_that_cannot_be_sent_is_an_error(server: FakeUpstream, value: str) -> None:
    with pytest.raises(ToolError, match="header"):
        ask(server, own={"X-Key": value})
    assert server.connections == 0


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        ("häh".encode(), "text/plain", "häh"),
        ("häh".encode("latin-1"), "text/html; charset=ISO-8859-1", "häh"),
        (b"\x93quoted\x94", "text/html; charset=iso-8859-1", "“quoted”"),
        ("ы".encode("koi8-r"), 'text/html; charset="koi8-r"', "ы"),
        (b"\xef\xbb\xbfhi", "text/plain; charset=latin-1", "hi"),
        ("hi".encode("utf-16"), "", "hi"),
        (b'<meta charset="shift_jis">\x82\xa0', "text/html", '<meta charset="shift_jis">あ'),
        (b'<meta http-equiv=x content="text/html; charset=cp1252">\x80', "text/html", "€"),
        (b"\\x41", "text/plain; charset=unicode_escape", "\\x41"),
        (b"x", "text/plain; charset=zip", "x"),
        (b"x", "text/plain; charset=nonsense", "x"),
        (b"\xff", "text/plain", "\ufffd"),
    ],
)
def test_text_is_read_in_its_own_character_set(content: bytes, kind: str, text: str) -> None:
    assert decoded(content, kind).endswith(text)


@pytest.mark.parametrize("kind", ["image/png", "application/pdf", "video/mp4", "application/zip", ""])
def test_what_is_no_text_is_refused(kind: str) -> None:
    with pytest.raises(ToolError, match="cannot be read as text"):
        Response(parse_url("http://a.test/"), 200, {"content-type": kind}, b"\x89PNG\0").text()


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.api+json; v=1", "text/csv", "image/svg+xml", ""])
def test_what_is_text_is_read(kind: str) -> None:
    assert Response(parse_url("http://a.test/"), 200, {"content-type": kind}, b"{}").text() == "{}"


def test_requests_work_where_nothing_is_patched() -> None:
    script = Path(__file__).with_name("unpatched_requests.py")
    env = {name: value for name, value in os.environ.items() if name.lower() not in PROXY_VARIABLES}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, timeout=30, check=True, env=env)
    assert json.loads(done.stdout) == {
        "patched": False,
        "answers": ["A request to localhost", "hi", "localhost did not answer within 0.3 seconds"],
        "quick": True,
    }


# TLS and proxies


@pytest.fixture(scope="module")
def secure(certificates: Path) -> Iterator[FakeUpstream]:
    with FakeUpstream(certificate=str(certificates / "server.pem"), key=str(certificates / "server.key")) as upstream:
        yield upstream


@pytest.mark.usefixtures("trusted")
def test_a_certificate_must_be_of_the_name_although_an_address_is_connected_to(
    secure: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_proxies(monkeypatch)
    use_names(monkeypatch, localhost=[["127.0.0.1"]], other_test=[["127.0.0.1"]])
    secure.answer(b"secure")
    assert ask(f"https://localhost:{secure.port}/").content == b"secure"
    with pytest.raises(ToolError, match=r"certificate of other\.test was refused"):
        ask(f"https://other.test:{secure.port}/")


@pytest.mark.usefixtures("trusted")
def test_a_proxy_is_told_the_address_that_was_checked(
    secure: FakeUpstream, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_proxies(monkeypatch)
    monkeypatch.setenv("https_proxy", proxy.url)
    secure.answer(b"secure")
    assert ask(f"https://localhost:{secure.port}/").content == b"secure"
    assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{secure.port} HTTP/1.1\r\n")


def test_plain_http_takes_a_tunnel_through_the_proxy(
    server: FakeUpstream, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    server.answer(b"there")
    assert ask(f"http://localhost:{server.port}/").content == b"there"
    assert server.requests[0].headers["host"] == f"localhost:{server.port}"
    assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{server.port} ")


def test_a_proxy_that_refuses_or_cannot_be_used_is_an_error(
    server: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Proxy(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    monkeypatch.setenv("http_proxy", refusing.url)
    with pytest.raises(ToolError, match="proxy that leads out refused"):
        ask(server)
    refusing.close()
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1080")
    with pytest.raises(ToolError, match="proxy that leads out cannot be used"):
        ask(server)
