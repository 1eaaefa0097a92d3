"""A gunicorn worker that is told to end: it takes in no more, and no answer is cut in silence.

Most of the time goes into waiting for workers to end, so all servers are driven at the same time.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import Stream

from ..support import RawClient
from ..support import Server
from ..waiting import wait_until

pytestmark = pytest.mark.slow

AGENTS = """
import time
from pathlib import Path

def begin():
    with Path("begun").open("a") as file:
        file.write(".")


def short(messages):
    begin()
    yield "begun "
    while not Path("over").exists():
        time.sleep(0.01)
    yield "and ended"


def long(messages):
    begin()
    yield "begun"
    time.sleep(60)


def silent(messages):
    begin()
    time.sleep(60)


all_of_them = [short, long, silent]
"""
TWO_REGISTRATIONS = """
from flask import Flask

from agents_of_mine import all_of_them
from flask_agent_api import create_blueprint

app = Flask("host")
app.register_blueprint(create_blueprint(all_of_them, name="one"), url_prefix="/v1")
sooner = create_blueprint(all_of_them, name="two", config={"AGENT_API_DRAIN_TIMEOUT": 0.5})
app.register_blueprint(sooner, url_prefix="/v2")
"""
ENV = {
    "FLASK_AGENT_API_AGENTS": "agents_of_mine:all_of_them",
    "FLASK_AGENT_API_DRAIN_TIMEOUT": "1",
    "FLASK_AGENT_API_STATUS_WAIT": "20",
}
GRACE = 6.0
KINDS = {("long", True): 32, ("short", True): 10, ("silent", True): 4, ("long", False): 4}
"""50 requests: how many of each agent, streamed or not."""

SCENARIOS: dict[str, Callable[[Path], None]] = {}


def scenario(function: Callable[[Path], None]) -> Callable[[Path], None]:
    SCENARIOS[function.__name__] = function
    return function


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[None]]]:
    with ThreadPoolExecutor(len(SCENARIOS)) as pool:
        yield {name: pool.submit(play, tmp_path_factory.mktemp("drain")) for name, play in SCENARIOS.items()}


@pytest.mark.parametrize("name", SCENARIOS)
def test_shutdown(outcomes: dict[str, Future[None]], name: str) -> None:
    outcomes[name].result(60)


def serve(folder: Path, *options: str, app: str = "flask_agent_api.wsgi:app", **env: str) -> Server:
    files = {"agents_of_mine.py": AGENTS, "app.py": TWO_REGISTRATIONS}
    return Server(folder, files, "--graceful-timeout", f"{GRACE:g}", *options, app=app, env={**ENV, **env})


def begun(server: Server) -> int:
    path = server.folder / "begun"
    return len(path.read_text()) if path.exists() else 0


def wait_for_runs(server: Server, count: int) -> None:
    """All servers start at the same time, which takes a busy machine a while."""
    wait_until(lambda: begun(server) == count)


def terminate(server: Server) -> None:
    """As a platform does it, to every process."""
    os.killpg(server._process.pid, signal.SIGTERM)


def is_refused(client: RawClient) -> bool:
    client.send("GET", "/v1/models")
    response = client.response()
    body = response.read()
    if response.status == 200:
        return False
    assert (response.status, response.getheader("Retry-After")) == (503, "1")
    assert json.loads(body)["error"]["code"] == "server_shutting_down"
    return True


def ended(client: RawClient) -> tuple[int, bytes]:
    """Status and body, which must be whole, and the connection is closed."""
    response = client.response()
    body = response.read()
    client.sock.close()
    return response.status, body


def error_of(stream: Stream) -> str:
    assert stream.error is not None
    return str(stream.error["code"])


def check(model: str, stream: bool, status: int, body: bytes) -> None:
    if model == "short":
        assert (status, collect_sse(body).text, collect_sse(body).finish_reason) == (200, "begun and ended", "stop")
    elif stream and model == "long":
        assert (status, error_of(collect_sse(body))) == (200, "server_shutting_down")
    else:
        assert (status, json.loads(body)["error"]["code"]) == (503, "server_shutting_down")


def fifty_streams(folder: Path, *options: str) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(serve(folder, *options))
        kinds = [kind for kind, count in KINDS.items() for _ in range(count)]
        clients = [stack.enter_context(RawClient(server.port)) for _ in kinds]
        for client, (model, stream) in zip(clients, kinds, strict=True):
            client.post(stream, model=model)
        wait_for_runs(server, len(kinds))
        idle = stack.enter_context(RawClient(server.port))
        assert not is_refused(idle)
        start = time.monotonic()
        terminate(server)
        wait_until(lambda: is_refused(idle))
        terminate(server)
        (folder / "over").touch()
        with ThreadPoolExecutor(len(clients)) as pool:
            answers = list(pool.map(ended, clients))
        terminate(server)
        for (model, stream), (status, body) in zip(kinds, answers, strict=True):
            check(model, stream, status, body)
        assert server._process.wait(10) == 0
        assert 1.0 <= time.monotonic() - start < GRACE
        assert "graceful timeout" not in server.log
        assert "Traceback" not in server.log


@scenario
def one_worker(folder: Path) -> None:
    fifty_streams(folder)


@scenario
def one_worker_preloaded(folder: Path) -> None:
    fifty_streams(folder, "--preload")


@scenario
def two_workers(folder: Path) -> None:
    fifty_streams(folder, "-w", "2")


@scenario
def two_workers_preloaded(folder: Path) -> None:
    fifty_streams(folder, "-w", "2", "--preload")


@scenario
def reload_of_an_app_with_two_registrations(folder: Path) -> None:
    """The old worker gets a SIGTERM, and a new one goes on."""
    with serve(folder, app="app:app") as server, RawClient(server.port) as one, RawClient(server.port) as two:
        one.post(stream=True, model="long")
        two.post(stream=True, model="long", prefix="/v2")
        wait_for_runs(server, 2)
        os.kill(server._process.pid, signal.SIGHUP)
        for client in (two, one):
            assert error_of(collect_sse(ended(client)[1])) == "server_shutting_down"
        with RawClient(server.port) as later:
            later.send("GET", "/v1/models")
            assert later.response().status == 200


@scenario
def worker_that_ends_by_itself(folder: Path) -> None:
    """It gets no signal, and the request that is its last one is served."""
    with serve(folder, "--max-requests", "1") as server, RawClient(server.port) as client:
        client.post(stream=True, model="long")
        stream = collect_sse(ended(client)[1])
        assert (stream.text, error_of(stream)) == ("begun", "server_shutting_down")


@scenario
def time_is_limited_by_gunicorns_own(folder: Path) -> None:
    settings = {"FLASK_AGENT_API_DRAIN_TIMEOUT": "100"}
    with serve(folder, "--graceful-timeout", "5", **settings) as server, RawClient(server.port) as client:
        client.post(stream=True, model="long")
        wait_for_runs(server, 1)
        terminate(server)
        assert error_of(collect_sse(ended(client)[1])) == "server_shutting_down"


@scenario
def switched_off(folder: Path) -> None:
    """The host app's own affair: gunicorn waits, and cuts."""
    settings = {"FLASK_AGENT_API_DRAIN": "0"}
    with serve(folder, "--graceful-timeout", "1", **settings) as server, RawClient(server.port) as client:
        client.post(stream=True, model="long")
        wait_for_runs(server, 1)
        terminate(server)
        with pytest.raises(http.client.IncompleteRead):
            client.response().read()
