"""No URL, name or redirect leads a tool to this machine or its network."""

from __future__ import annotations

import pytest

from flask_agent_api.errors import NotAllowed
from flask_agent_api.errors import ToolError
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.tools.http.addresses import is_public
from flask_agent_api.tools.http.client import MAX_REDIRECTS
from flask_agent_api.tools.http.client import Request
from flask_agent_api.tools.http.client import send
from flask_agent_api.tools.http.exchange import Response
from flask_agent_api.tools.http.url import parse_url
from tests.unit.web_requests import this_machine_is_public
from tests.unit.web_requests import use_names


def get(url: str, *, private: bool = False) -> Response:
    return send(Request("GET", parse_url(url), seconds=5), lambda url: private)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[0:0:0:0:0:ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1::1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[2001:db8::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "127.0.0.1.",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
    ],
)
def test_an_address_of_our_own_is_refused(server: FakeUpstream, host: str) -> None:
    with pytest.raises(NotAllowed, match="AGENT_API_ALLOW=private-network") as refused:
        get(f"http://{host}:{server.port}/")
    assert "private-network" in refused.value.rule
    assert server.connections == 0


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://2130706433/", "four decimal numbers"),
        ("http://0x7f000001/", "four decimal numbers"),
        ("http://0x7f.0.0.1/", "four decimal numbers"),
        ("http://0177.0.0.1/", "four decimal numbers"),
        ("http://127.1/", "four decimal numbers"),
        ("http://127.0.0.0x1/", "four decimal numbers"),
        ("http://1.2.3.4.5/", "four decimal numbers"),
        ("http://[fe80::1%25eth0]/", "four decimal numbers|cannot be read"),
        ("http://[::1%25lo]/", "four decimal numbers|cannot be read"),
        ("http://public.test@127.0.0.1/", "in front of the host"),
        ("http://127.0.0.1@public.test/", "in front of the host"),
        ("http://user:secret@public.test/", "in front of the host"),
        ("http://public.test\\@127.0.0.1/", "backslashes"),
        ("http:\\\\127.0.0.1/", "backslashes"),
        ("http://127.0.0.1\\.public.test/", "backslashes"),
        ("http://public.test\t/", "control characters"),
        ("http://public.test\r\nHost: x/", "control characters"),
        ("http://public.test/a b", "spaces"),
        (" http://public.test/", "spaces"),
        ("http://127%2e0.0.1/", "four decimal numbers"),
        ("http://localhos%74/", "no such host name"),
        ("http://local$host/", "no such host name"),
        ("http://a..b/", "no such host name"),
        ("http://" + "a" * 64 + ".test/", "no such host name"),
        ("http://public.test:0/", "no port 0"),
        ("http://public.test:99999/", "cannot be read"),
        ("http://public.test:80:90/", "cannot be read"),
        ("http://[::1/", "cannot be read"),
        ("http:///etc/passwd", "missing scheme or host"),
        ("//public.test/", "missing scheme or host"),
        ("public.test", "missing scheme or host"),
        ("", "missing scheme or host"),
        ("file:///etc/passwd", "only HTTP and HTTPS"),
        ("gopher://public.test/", "only HTTP and HTTPS"),
        ("ftp://public.test/", "only HTTP and HTTPS"),
        ("javascript:alert(1)", "only HTTP and HTTPS"),
        ("data:text/plain,x", "only HTTP and HTTPS"),
        ("http://public.test/" + "a" * 9000, "more than 8192"),
    ],
)
def test_a_url_that_can_be_misread_is_refused(url: str, problem: str) -> None:
    with pytest.raises(ToolError, match=problem):
        parse_url(url)


def test_a_name_of_our_own_address_is_refused(server: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    use_names(
        monkeypatch,
        inside_test=[["127.0.0.1"]],
        mixed_test=[["8.8.8.8", "10.0.0.1"]],
        mapped_test=[["::ffff:10.0.0.1"]],
        zone_test=[["fe80::1%eth0"]],
    )
    for name in ("inside.test", "mixed.test", "mapped.test", "zone.test"):
        with pytest.raises(NotAllowed, match=f"request to {name}"):
            get(f"http://{name}:{server.port}/")
    with pytest.raises(ToolError, match=r"no host nowhere\.test"):
        get("http://nowhere.test/")
    assert server.connections == 0


def test_a_name_is_looked_up_once_and_that_address_is_used(
    server: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    this_machine_is_public(monkeypatch)
    names = use_names(monkeypatch, rebinding_test=[["127.0.0.1"], ["10.0.0.1"]])
    server.answer(b"public")
    assert get(f"http://rebinding.test:{server.port}/").content == b"public"
    assert names.asked == ["rebinding.test"]
    assert server.requests[0].headers["host"] == f"rebinding.test:{server.port}"
    with pytest.raises(NotAllowed):
        get(f"http://rebinding.test:{server.port}/")


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/",
        "//169.254.169.254/latest/meta-data",
        "http://[::ffff:10.0.0.1]/",
        "http://inside.test/",
        "http://2130706433/",
        "http://x@10.0.0.1/",
        "http://10.0.0.1\\.public.test/",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_is_checked_like_the_first_url(
    server: FakeUpstream, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    this_machine_is_public(monkeypatch)
    use_names(monkeypatch, public_test=[["127.0.0.1"]], inside_test=[["192.168.0.1"]])
    server.answer(b"", 302, {"Location": location})
    with pytest.raises(ToolError):
        get(f"http://public.test:{server.port}/")
    assert len(server.requests) == 1


def test_redirects_come_to_an_end(server: FakeUpstream) -> None:
    for _ in range(MAX_REDIRECTS + 1):
        server.answer(b"", 302, {"Location": "/again"})
    with pytest.raises(ToolError, match="5 redirects"):
        get(server.url, private=True)
    assert len(server.requests) == MAX_REDIRECTS + 1


def test_what_the_operator_allows_is_reached(server: FakeUpstream) -> None:
    server.answer(b"inside")
    assert get(server.url, private=True).content == b"inside"
