"""Behind a real nginx, set up by examples/deploy/nginx.conf, which talks to gunicorn's Unix socket."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_agent_api.testing import collect_sse
from tests.support import QUESTION
from tests.support import RawClient
from tests.support import Server
from tests.waiting import wait_until

from .nginx import Nginx

pytestmark = pytest.mark.slow

KEY = "key-0123456789abcdef"
BEARER = f"Authorization: Bearer {KEY}"
AGENTS = """
import time
from pathlib import Path


def waits(messages):
    yield "one "
    try:
        while not Path("go").exists():
            time.sleep(0.01)
    finally:
        Path("ended").touch()
    yield "two"


def size(messages):
    return str(len(messages[-1]["content"]))


both = [waits, size]
"""
BUFFERING = {"configured": "", "by header alone": "proxy_buffering off;"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("gunicorn")
    env = {
        "FLASK_AGENT_API_AGENTS": "agents_of_mine:both",
        "FLASK_AGENT_API_KEYS": KEY,
        "FLASK_AGENT_API_KEEP_ALIVE": "0.2",
        "FLASK_AGENT_API_UNKNOWN_MODEL": "error",
    }
    files = {"agents_of_mine.py": AGENTS}
    options = ["-b", f"unix:{folder}/gunicorn.sock"]
    with Server(folder, files, *options, app="flask_agent_api.wsgi:app", env=env, kind="gevent") as running:
        wait_until((folder / "gunicorn.sock").exists)
        yield running


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[dict[str, Nginx]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                Nginx(tmp_path_factory.mktemp("nginx"), server.folder / "gunicorn.sock", left_out=left_out)
            )
            for name, left_out in BUFFERING.items()
        }


@pytest.fixture
def client(proxies: dict[str, Nginx], server: Server) -> Iterator[RawClient]:
    for name in ("go", "ended"):
        (server.folder / name).unlink(missing_ok=True)
    with RawClient(proxies["configured"].port) as connected:
        yield connected


def post(client: RawClient, content: str = "hi", *headers: str, **fields: object) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": content}], **fields}).encode()
    client.send("POST", "/v1/chat/completions", *(headers or [BEARER]), body=body)


def answer(client: RawClient) -> tuple[int, dict[str, object]]:
    response = client.response()
    assert response.getheader("Content-Type") == "application/json"
    return response.status, json.loads(response.read())


def error_code(client: RawClient, status: int) -> object:
    found, body = answer(client)
    assert found == status, body
    error = body["error"]
    assert isinstance(error, dict)
    assert error.keys() == {"message", "type", "param", "code"}
    return error["code"]


@pytest.mark.parametrize("buffering", BUFFERING)
def test_tokens_and_keep_alives_come_as_they_are_sent(
    proxies: dict[str, Nginx], server: Server, client: RawClient, buffering: str
) -> None:
    """The second token is only sent when the first one has been read here, and a comment after it."""
    with RawClient(proxies[buffering].port) as client:
        post(client, stream=True, model="waits")
        response = client.response()
        received = b""
        while b": keep-alive" not in received:
            received += response.read1()
        assert b'"one "' in received
        (server.folder / "go").touch()
        stream = collect_sse(received + response.read())
    assert (stream.text, stream.finish_reason) == ("one two", "stop")


def test_a_client_that_leaves_ends_its_run(server: Server, client: RawClient) -> None:
    post(client, stream=True, model="waits")
    assert b'"one "' in client.response().read1()
    client.sock.close()
    assert wait_until((server.folder / "ended").exists) < 1.0


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_streams_pass_with_tls_in_both_versions_of_http(
    proxies: dict[str, Nginx], server: Server, client: RawClient, version: str
) -> None:
    (server.folder / "go").touch()
    url = f"https://127.0.0.1:{proxies['configured'].tls_port}/v1/chat/completions"
    body = json.dumps({**QUESTION, "stream": True, "model": "waits"})
    headers = ["-H", BEARER, "-H", "Content-Type: application/json"]
    done = subprocess.run(
        ["curl", "-sSk", version, "-w", "%{http_version}", url, *headers, "-d", body], capture_output=True, check=True
    )
    stream, _, used = done.stdout.rpartition(b"\n")
    assert (collect_sse(stream + b"\n").text, used.decode()) == ("one two", version.removeprefix("--http").rstrip(".0"))


def test_one_connection_serves_many_requests_and_large_ones(client: RawClient) -> None:
    for size in (1, 3_000_000, 1):
        post(client, "x" * size, model="size")
        status, body = answer(client)
        assert (status, body["choices"][0]["message"]["content"]) == (200, str(size))  # type: ignore[index]


def test_errors_pass_as_they_are(client: RawClient) -> None:
    post(client, "hi", "Authorization: Bearer wrong")
    assert error_code(client, 401) == "invalid_api_key"
    post(client, model="unknown")
    assert error_code(client, 404) == "model_not_found"


@pytest.mark.parametrize(("size", "says"), [(4_500_000, "4194304"), (6_000_000, "The request body is too large")])
def test_bodies_that_are_too_large_are_refused_in_one_shape(client: RawClient, size: int, says: str) -> None:
    """By the server with its limit, and by nginx where it does not even pass them on."""
    post(client, "x" * size)
    status, body = answer(client)
    assert (status, body["error"]["code"]) == (413, "request_too_large")  # type: ignore[index]
    assert says in str(body)


def test_a_server_that_is_not_there_is_a_reason_to_try_again(tmp_path: Path) -> None:
    with Nginx(tmp_path, tmp_path / "nobody.sock") as nginx, RawClient(nginx.port) as client:
        post(client)
        response = client.response()
        assert (response.status, response.getheader("Retry-After")) == (503, "1")
        assert json.loads(response.read())["error"]["code"] == "server_unavailable"
