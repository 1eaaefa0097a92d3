"""A CA that this process trusts, a proxy, and a server for tools that make requests."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.models import route
from flask_agent_api.testing import FakeUpstream
from tests.redis_server import RedisServer
from tests.unit.proxy import Proxy
from tests.unit.web_requests import without_proxies


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, and a certificate of it for ``localhost`` only."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    (folder / "names").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    new = "openssl req -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256"
    for command in (
        f"{new} -x509 -days 2 -subj /CN=ca -keyout ca.key -out ca.pem",
        f"{new} -subj /CN=server -keyout server.key -out server.csr",
        "openssl x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
        "-extfile names -out server.pem",
    ):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def trusted(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    monkeypatch.setattr(route, "tls_context", route.PerProcess(ssl.create_default_context))


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def process() -> Iterator[FakeUpstream]:
    """A server that the tests of a module share."""
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def server(process: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> FakeUpstream:
    """The server as if it were new, reached without a proxy."""
    without_proxies(monkeypatch)
    process.reset()
    return process


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that all tests share: each takes a prefix of its own."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()
