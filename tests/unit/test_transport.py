from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.errors import ConfigError
from flask_agent_api.models import connection
from flask_agent_api.models import route
from flask_agent_api.models.config import Limits
from flask_agent_api.models.route import Target
from flask_agent_api.models.route import TransportError
from flask_agent_api.models.route import TransportTimeout
from flask_agent_api.models.transport import post
from flask_agent_api.models.transport import Response
from flask_agent_api.testing import black_hole
from flask_agent_api.testing import CLOSE
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import gate
from flask_agent_api.testing import HANG
from flask_agent_api.testing import RESET
from tests.unit.proxy import AUTHORIZATION
from tests.unit.proxy import Proxy
from tests.unit.web_requests import without_proxies

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NORMAL = Limits()
SHORT = Limits(connect=0.2, first_byte=0.2, idle=0.2)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)


@pytest.fixture
def upstream(process: FakeUpstream) -> FakeUpstream:
    process.reset()
    return process


def send(url: str, limits: Limits = NORMAL, deadline: float = float("inf"), body: bytes = b"{}") -> Response:
    target = Target.parse(url)
    return post(target, target.head({"x-test": "1"}), body, limits, deadline)


def pieces(response: Response) -> Iterator[bytes]:
    """The body, an item for each read."""
    taken: list[bytes] = []
    for _ in response.pump(taken.append):  # type: ignore[arg-type]
        if taken:
            yield taken.pop()


def fetch(url: str, limits: Limits = NORMAL) -> bytes:
    with send(url, limits) as response:
        return response.read(10**9)


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (HEAD + b"5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n", b"helloabc"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 100 Continue\r\nX: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
    ids=["chunked", "length", "continue", "empty", "no content"],
)
def test_a_framed_body_is_read_and_the_connection_kept(upstream: FakeUpstream, reply: bytes, body: bytes) -> None:
    for _ in range(3):
        upstream.reply(reply)
        assert fetch(upstream.url) == body
    assert upstream.connections == 1


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_body_that_ends_with_the_connection_is_read(upstream: FakeUpstream, version: bytes) -> None:
    upstream.reply(b"HTTP/" + version + b" 200 OK\r\n\r\nhello", CLOSE)
    assert fetch(upstream.url) == b"hello"
    upstream.wait(open=0)


@pytest.mark.parametrize("step", [CLOSE, RESET])
@pytest.mark.parametrize(
    "begin",
    [HEAD + b"5\r\nhello\r\n", HEAD + b"5\r\nhel", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"],
    ids=["between chunks", "in a chunk", "length"],
)
def test_a_body_cut_short_is_an_error(upstream: FakeUpstream, begin: bytes, step: tuple[str, None]) -> None:
    upstream.reply(begin, gate("read"), step)
    with send(upstream.url) as response:
        body = pieces(response)
        assert next(body) in (b"hello", b"hel")
        upstream.open_gate("read")
        with pytest.raises(TransportError) as error:
            next(body)
    assert error.value.phase == "body"


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"nonsense\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000,
    ],
    ids=["no http", "two lengths", "length and chunked", "bad chunk", "huge headers"],
)
def test_what_is_not_http_is_an_error(upstream: FakeUpstream, reply: bytes) -> None:
    upstream.reply(reply)
    with pytest.raises(TransportError) as error:
        fetch(upstream.url)
    assert error.value.phase == "protocol"
    upstream.wait(open=0)


def test_all_chunks_of_one_read_come_together(upstream: FakeUpstream) -> None:
    upstream.reply(HEAD + b"1\r\na\r\n1\r\nb\r\n", gate("go"), b"1\r\nc\r\n0\r\n\r\n")
    with send(upstream.url) as response:
        body = pieces(response)
        assert next(body) == b"ab"
        upstream.open_gate("go")
        assert list(body) == [b"c"]


def test_the_request_is_what_it_should_be(upstream: FakeUpstream) -> None:
    upstream.reply(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nX-A: 1\r\nx-a: 2\r\n\r\n")
    with send(f"{upstream.url}/a%20b?q=1", body=b'{"a":"\xc3\xa9"}') as response:
        assert (response.status, response.headers["x-a"]) == (404, "1, 2")
    request = upstream.requests[0]
    assert (request.method, request.path, request.json) == ("POST", "/v1/a%20b?q=1", {"a": "é"})
    assert request.headers["host"] == f"127.0.0.1:{upstream.port}"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["x-test"] == "1"


def test_a_large_body_is_sent_whole(upstream: FakeUpstream) -> None:
    upstream.answer({})
    with send(upstream.url, body=b"x" * 5_000_000):
        assert len(upstream.requests[0].body) == 5_000_000


def test_an_early_answer_to_a_body_that_nobody_reads_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            peer, _ = server.accept()
            peer.recv(1000)
            peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            peer.close()  # with unread bytes: a reset

        task = spawn(refuse)
        with send(f"http://127.0.0.1:{server.getsockname()[1]}", body=b"x" * 20_000_000) as response:
            assert response.status == 413
        assert task.join(5)


# Time limits


@pytest.mark.parametrize(
    ("steps", "phase"),
    [((HANG,), "first_byte"), ((b"HTTP/1.1 200", HANG), "first_byte"), ((HEAD + b"1\r\na\r\n", HANG), "idle")],
    ids=["header", "half a header", "token"],
)
def test_a_hang_ends_at_its_limit(upstream: FakeUpstream, steps: tuple[bytes, ...], phase: str) -> None:
    upstream.reply(*steps)
    start = time.monotonic()
    with pytest.raises(TransportTimeout) as error:
        fetch(upstream.url, SHORT)
    assert error.value.phase == phase
    assert 0.15 < time.monotonic() - start < 1.5
    upstream.wait(open=0, aborted=1)


def test_a_connection_that_is_never_made_ends_at_its_limit() -> None:
    with black_hole() as url, pytest.raises(TransportTimeout) as error:
        fetch(url, SHORT)
    assert error.value.phase == "connect"


@pytest.mark.slow
def test_the_deadline_holds_although_bytes_keep_coming(upstream: FakeUpstream) -> None:
    drip = [step for _ in range(200) for step in (b"1\r\na\r\n", ("pause", 0.02))]
    upstream.reply(HEAD, *drip)
    start = time.monotonic()
    with send(upstream.url, SHORT, time.monotonic() + 0.4) as response, pytest.raises(TransportTimeout) as error:
        list(pieces(response))
    assert error.value.phase == "total"
    assert 0.3 < time.monotonic() - start < 2


def test_nothing_is_sent_after_the_deadline(upstream: FakeUpstream) -> None:
    with pytest.raises(TransportTimeout):
        send(upstream.url, deadline=time.monotonic() - 1)
    assert upstream.connections == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://does-not-exist.invalid/v1"])
def test_a_host_that_is_not_there_is_an_error(url: str) -> None:
    with pytest.raises(TransportError) as error:
        fetch(url)
    assert error.value.phase == "connect"
    assert "127.0.0.1" not in error.value.message


# Reuse


def test_connections_in_use_are_not_shared(upstream: FakeUpstream) -> None:
    upstream.reply(HEAD, gate("end"), b"0\r\n\r\n")
    upstream.answer({})
    with send(upstream.url) as first:
        fetch(upstream.url)
        assert upstream.connections == 2
        upstream.open_gate("end")
        assert list(pieces(first)) == []
    upstream.answer({})
    fetch(upstream.url)
    assert upstream.connections == 2


@pytest.mark.parametrize("step", [CLOSE, RESET])
def test_an_idle_connection_that_died_is_not_used(upstream: FakeUpstream, step: tuple[str, None]) -> None:
    upstream.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", gate("die"), step)
    assert fetch(upstream.url) == b"ok"
    upstream.open_gate("die")
    upstream.wait(open=0)
    upstream.answer(b"again")
    assert fetch(upstream.url) == b"again"


def test_a_reused_connection_that_dies_on_the_request_is_replaced_once(upstream: FakeUpstream) -> None:
    upstream.answer(b"one")
    upstream.reply(CLOSE)
    upstream.answer(b"two")
    assert [fetch(upstream.url), fetch(upstream.url)] == [b"one", b"two"]
    assert (upstream.connections, len(upstream.requests)) == (2, 3)


def test_a_fresh_connection_that_dies_is_an_error(upstream: FakeUpstream) -> None:
    upstream.reply(CLOSE)
    with pytest.raises(TransportError) as error:
        fetch(upstream.url)
    assert (error.value.phase, len(upstream.requests)) == ("first_byte", 1)


def test_a_response_that_says_close_is_not_kept(upstream: FakeUpstream) -> None:
    for _ in range(2):
        upstream.answer({}, headers={"Connection": "close"})
        fetch(upstream.url)
    assert upstream.connections == 2


def test_bytes_after_the_response_spoil_the_connection(upstream: FakeUpstream) -> None:
    upstream.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
    upstream.answer(b"good")
    assert [fetch(upstream.url), fetch(upstream.url)] == [b"ok", b"good"]
    assert upstream.connections == 2


def test_an_old_connection_is_not_used(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.answer({})
    fetch(upstream.url)
    monkeypatch.setattr(connection, "IDLE_SECONDS", -1.0)
    upstream.answer({})
    fetch(upstream.url)
    assert upstream.connections == 2
    upstream.wait(open=0)  # the sweep closed the second one as well


def test_an_old_connection_is_closed_though_nobody_asks_again(
    upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.2)
    pool, target = connection.new_pool(), Target.parse(upstream.url).route
    pool.put(connection.Connection(target, route.connect(target, 1)))
    upstream.wait(connections=1, open=0)


def test_no_more_than_so_many_are_kept(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_PER_ROUTE", 2)
    for _ in range(4):
        upstream.reply(HEAD + b"0\r\n\r\n")
    responses = [send(upstream.url) for _ in range(4)]
    for response in responses:
        with response:
            list(pieces(response))
    upstream.wait(connections=4, open=2)


def test_an_end_still_on_its_way_does_not_cost_the_connection(upstream: FakeUpstream) -> None:
    for round in ("1", "2", "3"):
        upstream.reply(HEAD + b"6\r\n[DONE]\r\n", gate(round), b"0\r\n\r\n")
        with send(upstream.url) as response:
            assert next(pieces(response)) == b"[DONE]"
            response.done()
        upstream.open_gate(round)
        idle = connection.pool.get()._idle[Target.parse(upstream.url).route]
        assert select.select([idle[-1].sock], [], [], 5)[0]
    assert upstream.connections == 1


def test_an_end_that_does_not_come_costs_the_connection(upstream: FakeUpstream) -> None:
    upstream.reply(HEAD + b"6\r\n[DONE]\r\n", HANG)
    with send(upstream.url) as response:
        assert next(pieces(response)) == b"[DONE]"
        response.done()
    upstream.answer(b"ok")
    assert fetch(upstream.url) == b"ok"
    upstream.wait(connections=2, aborted=1)


# Giving up


def test_leaving_the_block_closes_an_unfinished_response(upstream: FakeUpstream) -> None:
    upstream.reply(HEAD + b"1\r\na\r\n", HANG)
    with send(upstream.url) as response:
        assert next(pieces(response)) == b"a"
        assert upstream.open == 1
    upstream.wait(open=0, aborted=1)


@pytest.mark.parametrize("begin", [(), (HEAD,), (HEAD + b"1\r\na\r\n",)], ids=["no answer", "headers", "token"])
def test_a_cancelled_task_closes_the_connection_at_once(upstream: FakeUpstream, begin: tuple[bytes, ...]) -> None:
    upstream.reply(*begin, HANG)
    task = spawn(fetch, upstream.url)
    upstream.wait(requests=1)
    start = time.monotonic()
    task.cancel(Cancelled())
    upstream.wait(open=0, aborted=1)
    assert time.monotonic() - start < 0.25
    assert task.join(1)


# TLS


@pytest.fixture(scope="module")
def secure_process(certificates: Path) -> Iterator[FakeUpstream]:
    with FakeUpstream(certificate=str(certificates / "server.pem"), key=str(certificates / "server.key")) as upstream:
        yield upstream


@pytest.fixture
def secure(secure_process: FakeUpstream) -> FakeUpstream:
    secure_process.reset()
    return secure_process


def of_localhost(upstream: FakeUpstream) -> str:
    return upstream.url.replace("127.0.0.1", "localhost")


@pytest.mark.usefixtures("trusted")
def test_tls_works_and_its_connections_are_reused(secure: FakeUpstream) -> None:
    for text in (b"one", b"two"):
        secure.answer(text)
        assert fetch(of_localhost(secure)) == text
    assert secure.connections == 1


@pytest.mark.usefixtures("trusted")
def test_tls_refuses_another_host(secure: FakeUpstream) -> None:
    with pytest.raises(TransportError, match="certificate") as error:
        fetch(secure.url)
    assert error.value.phase == "connect"
    assert secure.requests == []


def test_tls_refuses_an_unknown_authority(secure: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(route, "tls_context", route.PerProcess(ssl.create_default_context))
    with pytest.raises(TransportError, match="SSL_CERT_FILE"):
        fetch(of_localhost(secure))
    assert secure.requests == []


@pytest.mark.usefixtures("trusted")
def test_a_cancelled_task_closes_a_tls_connection_at_once(secure: FakeUpstream) -> None:
    secure.reply(HEAD + b"1\r\na\r\n", HANG)
    task = spawn(fetch, of_localhost(secure))
    secure.wait(requests=1)
    start = time.monotonic()
    task.cancel(Cancelled())
    secure.wait(open=0, aborted=1)
    assert time.monotonic() - start < 0.25
    assert task.join(1)


@pytest.mark.usefixtures("trusted")
def test_a_stalled_tls_stream_ends_at_its_limit(secure: FakeUpstream) -> None:
    secure.reply(HEAD + b"1\r\na\r\n", HANG)
    with pytest.raises(TransportTimeout) as error:
        fetch(of_localhost(secure), Limits(idle=0.2))
    assert error.value.phase == "idle"


def test_a_stalled_handshake_ends_at_its_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(TransportTimeout) as error:
        fetch(f"https://127.0.0.1:{server.getsockname()[1]}", SHORT)
    assert error.value.phase == "connect"


# Proxies


def test_http_goes_through_the_proxy(upstream: FakeUpstream, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    upstream.answer(b"ok")
    assert fetch(upstream.url) == b"ok"
    assert proxy.heads[0].startswith(f"POST {upstream.url} HTTP/1.1\r\nHost: 127.0.0.1:{upstream.port}\r\n")
    assert AUTHORIZATION in proxy.heads[0]


@pytest.mark.usefixtures("trusted")
def test_https_goes_through_a_tunnel(secure: FakeUpstream, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy.url)
    secure.answer(b"ok")
    assert fetch(of_localhost(secure)) == b"ok"
    assert proxy.heads[0].startswith(f"CONNECT localhost:{secure.port} HTTP/1.1\r\n")
    assert AUTHORIZATION in proxy.heads[0]
    assert "proxy-authorization" not in secure.requests[0].headers


def test_a_proxy_that_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setenv("https_proxy", proxy.url)
    with pytest.raises(TransportError, match="The proxy to the model's provider answered 407"):
        fetch("https://model.invalid/v1")
    proxy.close()


def test_no_proxy_is_honoured(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "example.com,127.0.0.1")
    upstream.answer(b"ok")
    assert fetch(upstream.url) == b"ok"


def test_a_proxy_we_cannot_use_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://user:secret@proxy:1080")
    with pytest.raises(ConfigError, match="no_proxy") as error:
        Target.parse("https://model.invalid/v1")
    assert "secret" not in str(error.value)


# URLs and headers


@pytest.mark.parametrize(
    "url",
    ["", "x.com/v1", "ftp://x/v1", "http:///v1", "http://x:99999/v1", "http://x:0x/v1", "http://x/a b", "http://x/\n"],
)
def test_a_url_that_is_none_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError, match="https://host/v1"):
        Target.parse(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://a.b/v1", "a.b"), ("http://a.b:80/v1", "a.b"), ("http://a.b:81/v1", "a.b:81"),
        ("https://a.b:443", "a.b"), ("http://[::1]:8000/v1", "[::1]:8000"), ("http://bücher.de", "xn--bcher-kva.de"),
    ],
)  # fmt: skip
def test_the_host_header_names_the_host(url: str, host: str) -> None:
    assert Target.parse(url).route.authority == host


@pytest.mark.parametrize("value", ["a\r\nX: 1", "a\nb", "a\0b", "ü"])
def test_a_header_that_http_cannot_carry_is_refused(value: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Target.parse("http://a/v1").head({"x": value})
