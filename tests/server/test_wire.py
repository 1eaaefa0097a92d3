"""Bytes on a socket of a gunicorn gevent worker: gone clients, connections that are used again, odd requests."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.testing import collect_sse
from tests.support import chunks
from tests.support import QUESTION
from tests.support import RawClient
from tests.support import Server
from tests.support import text_of
from tests.waiting import wait_until

pytestmark = pytest.mark.wire

APP = '''
import sqlite3
import time
from pathlib import Path

from flask import Flask, g

from flask_agent_api import AgentAPI, ModelAgent, create_blueprint, tool
from flask_agent_api.models.base import Finish, ToolCallDelta
from flask_agent_api.tools.function import FunctionToolset

app = Flask("host")
app.config.update(AGENT_API_KEEP_ALIVE=0.2, AGENT_API_MAX_BODY_BYTES=10_000)
api = AgentAPI(app)


def note(what):
    with Path("notes").open("a") as file:
        file.write(what + "\\n")


@app.teardown_appcontext
def close(exc):
    if (db := g.pop("db", None)) is not None:
        db.close()
        note(f"closed {g.agent} {type(exc).__name__}")


def work(agent):
    """Has a database open for as long as somebody waits for the answer."""
    g.db, g.agent = sqlite3.connect(":memory:"), agent
    note(f"started {agent}")
    try:
        time.sleep(30)
    finally:
        note(f"ended {agent}")


@api.agent("hello")
def hello(messages):
    yield "Hello, "
    yield "world"


@api.agent("thinks")
def thinks(messages):
    work("thinks")
    yield "too late"


@api.agent("talks")
def talks(messages):
    yield "first"
    work("talks")


@api.agent("chatters")
def chatters(messages):
    note("started chatters")
    try:
        while True:
            yield "x" * 1000
    finally:
        note("ended chatters")


@tool
def slow() -> str:
    work("tool")
    return "too late"


class Model:
    name = "scripted"

    def stream(self, request):
        yield [ToolCallDelta(0, "c", "slow", "{}"), Finish("tool_calls")]


api.registry.add(ModelAgent("uses-tool", Model(), toolsets=(FunctionToolset("t", [slow]),)))


app.register_blueprint(
    create_blueprint([thinks, talks, hello], name="short", config={"AGENT_API_RUN_TIMEOUT": "0.1"}),
    url_prefix="/short",
)


@api.agent("paced")
def paced(messages):
    for _ in range(5):
        time.sleep(0.04)
        yield "p"


@api.agent("failing")
def failing(messages):
    yield "first"
    time.sleep(0.1)
    raise ValueError("secret")
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("wire"), {"app.py": APP}) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[RawClient]:
    with RawClient(server.port) as connected:
        yield connected


@pytest.fixture
def notes(server: Server) -> Callable[[str], bool]:
    """Whether the app has noted something since the test began."""
    path = server.folder / "notes"
    path.write_text("")
    return lambda what: what in path.read_text().splitlines()


def envelope(client: RawClient) -> tuple[int, str]:
    response = client.response()
    return response.status, json.loads(response.read())["error"]["code"]


@pytest.mark.needs_gevent(reason="a client that goes in silence is not noticed")
@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
@pytest.mark.parametrize(
    ("model", "stream", "who"),
    [
        ("thinks", True, "thinks"),
        ("thinks", False, "thinks"),
        ("talks", True, "talks"),
        ("uses-tool", True, "tool"),
        ("uses-tool", False, "tool"),
    ],
)
def test_gone_client_ends_the_run_at_once(
    client: RawClient, notes: Callable[[str], bool], how: str, model: str, stream: bool, who: str
) -> None:
    client.post(stream, model=model)
    wait_until(lambda: notes(f"started {who}"))
    if model == "talks":
        assert b'"first"' in client.response().read1()
    if how == "half-close":
        client.sock.shutdown(socket.SHUT_WR)
    else:
        client.reset() if how == "reset" else client.sock.close()
    assert wait_until(lambda: notes(f"ended {who}")) < 0.25
    wait_until(lambda: any(notes(f"closed {who} {name}") for name in ("RunCancelled", "Cancelled")))


def test_gone_client_of_a_busy_stream_ends_the_run(client: RawClient, notes: Callable[[str], bool]) -> None:
    client.post(stream=True, model="chatters")
    client.response().read(100_000)
    client.reset()
    assert wait_until(lambda: notes("ended chatters")) < 0.25


@pytest.mark.needs_gevent(reason="a client that goes in silence is not noticed")
def test_client_that_sent_its_body_in_chunks_is_watched_too(client: RawClient, notes: Callable[[str], bool]) -> None:
    body = json.dumps({**QUESTION, "model": "thinks"}).encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    client.send("POST", "/v1/chat/completions", "Transfer-Encoding: chunked", body=chunked)
    wait_until(lambda: notes("started thinks"))
    client.reset()
    assert wait_until(lambda: notes("ended thinks")) < 0.25


@pytest.mark.needs_gevent(reason="a client that goes in silence is not noticed")
def test_other_clients_do_not_notice(server: Server, client: RawClient, notes: Callable[[str], bool]) -> None:
    client.post(stream=True, model="paced")
    with RawClient(server.port) as other:
        other.post(stream=True, model="thinks")
        wait_until(lambda: notes("started thinks"))
    wait_until(lambda: notes("ended thinks"))
    assert text_of(chunks(client.response().read())) == "ppppp"


def test_one_connection_serves_many_requests(client: RawClient) -> None:
    for stream in (False, True, True, False, True):
        client.post(stream, model="hello")
        body = client.response().read()
        text = text_of(chunks(body)) if stream else json.loads(body)["choices"][0]["message"]["content"]
        assert text == "Hello, world"
        client.send("GET", "/v1/nope")
        assert envelope(client) == (404, "not_found")


@pytest.mark.needs_gevent(reason="a thread that waits cannot be interrupted")
@pytest.mark.parametrize("model", ["thinks", "talks"])
def test_run_that_is_cancelled_leaves_its_connection_alone(
    client: RawClient, notes: Callable[[str], bool], model: str
) -> None:
    for stream in (True, False):
        client.post(stream, prefix="/short", model=model)
        response = client.response()
        body = response.read()
        begun = stream and model == "talks"
        assert response.status == (200 if begun else 504)
        error = collect_sse(body).error if begun else json.loads(body)["error"]
        assert error is not None
        assert error["code"] == "run_timeout"
        wait_until(lambda: notes(f"ended {model}"))
        client.post(stream=True, model="paced")
        assert text_of(chunks(client.response().read())) == "ppppp"


@pytest.mark.needs_gunicorn(reason="the development server closes each connection")
def test_request_sent_early_is_served_next_and_ends_nothing(client: RawClient) -> None:
    """After it nobody watches the connection, and the run in progress is not to suffer."""
    client.post(stream=True, model="paced")
    client.post(stream=True, model="hello")
    received = b""
    while received.count(b"[DONE]") < 2:
        data = client.sock.recv(65536)
        assert data, received
        received += data
    assert received.count(b'"content":"p"') == 5
    assert received.count(b"error") == 0


@pytest.mark.needs_gunicorn(reason="the development server sends chunks whatever the request's version")
def test_http_1_0(client: RawClient) -> None:
    body = json.dumps({**QUESTION, "stream": True}).encode()
    client.send("POST", "/v1/chat/completions", body=body, version="1.0")
    response = client.response()
    assert response.getheader("Transfer-Encoding") is None
    assert text_of(chunks(response.read())) == "Hello, world"


def test_late_failure_is_one_frame(client: RawClient) -> None:
    client.post(stream=True, model="failing")
    error = collect_sse(client.response().read()).error
    assert error is not None
    assert error["code"] == "internal_error"


def test_silence_is_filled(client: RawClient) -> None:
    client.post(stream=True, model="talks")
    received = b""
    while received.count(b": keep-alive\n\n") < 2:
        received += client.sock.recv(65536)
    assert received.index(b'"first"') < received.index(b": keep-alive\n\n")


def test_doubled_slash(client: RawClient) -> None:
    client.send("GET", "//v1/models")
    response = client.response()
    assert (response.status, json.loads(response.read())["object"]) == (200, "list")
    client.send("GET", "/v1//models")
    response = client.response()
    assert (response.status, response.getheader("Location")) == (308, "http://127.0.0.1/v1/models")


def test_model_name_with_an_encoded_slash(client: RawClient) -> None:
    client.send("GET", "/v1/models/a%2Fb")
    assert envelope(client) == (404, "model_not_found")
    client.send("GET", "/v1/models/%68ello?x=1")
    assert json.loads(client.response().read())["id"] == "hello"


def test_too_large_bodies_of_either_kind(server: Server) -> None:
    with RawClient(server.port) as client:
        client.post(model="x" * 10_001)
        assert envelope(client) == (413, "request_too_large")
    with RawClient(server.port) as client:
        client.send("POST", "/v1/chat/completions", "Transfer-Encoding: chunked", body=b"4000\r\n" + b"x" * 0x4000)
        assert envelope(client) == (413, "request_too_large")


def test_short_body(client: RawClient) -> None:
    client.send("POST", "/v1/chat/completions", "Content-Length: 100", body=b'{"a')
    client.sock.shutdown(socket.SHUT_WR)
    assert envelope(client) == (400, "incomplete_body")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("X-Forwarded-For: 127.0.0.1", 403),
        ("Origin: https://evil.example", 403),
        ("Authorization: Bearer \xff\xfe", 200),
        ("X-Request-Id: " + "x" * 5000, 200),
        ("Content-Type: text/html", 200),
    ],
)
def test_odd_headers(client: RawClient, header: str, status: int) -> None:
    client.send("GET", "/v1/models", header)
    assert client.response().status == status


@pytest.mark.needs_gunicorn(reason="it gives gunicorn a second address")
def test_unix_socket_is_not_this_machine(tmp_path: Path) -> None:
    """A web server in front of it may have let in anybody."""
    (tmp_path / "agent.py").write_text("def hello(messages):\n    return 'x'\n")
    env = {"FLASK_AGENT_API_AGENTS": "agent:hello"}
    files = {"app.py": "from flask_agent_api.wsgi import app"}
    unix = socket.socket(socket.AF_UNIX)
    with Server(tmp_path, files, "-b", f"unix:{tmp_path}/sock", env=env) as server, unix as sock:
        wait_until(lambda: "Listening at" in server.log)  # on the port first, then on the socket
        sock.settimeout(20)
        sock.connect(f"{tmp_path}/sock")
        sock.sendall(b"GET /v1/models HTTP/1.0\r\n\r\n")
        assert int(sock.recv(4096).split()[1]) == 403
