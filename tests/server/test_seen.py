"""What operators see of a real server: one line a run, figures of two workers, health while it ends."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ..support import RawClient
from ..support import Server
from ..waiting import wait_until

AGENTS = """
import os, time
from pathlib import Path


def quick(messages):
    yield f"from {os.getpid()}"


def slow(messages):
    yield "begun"
    Path("begun").touch()
    while not Path("over").exists():
        time.sleep(0.01)
    yield " and ended"


both = [quick, slow]
"""
CONF = (Path(__file__).parent.parent.parent / "gunicorn.conf.py").read_text()
ENV = {
    "FLASK_AGENT_API_AGENTS": "agents_of_mine:both",
    "FLASK_AGENT_API_LOG_FORMAT": "json",
    "FLASK_AGENT_API_STORE": "memory://",
    "FLASK_AGENT_API_DRAIN_TIMEOUT": "20",
}
has_metrics = importlib.util.find_spec("prometheus_client") is not None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    env = {**ENV, "TMPDIR": str(tmp_path), **({"FLASK_AGENT_API_METRICS": "1"} if has_metrics else {})}
    files = {"agents_of_mine.py": AGENTS, "gunicorn.conf.py": CONF}
    with Server(
        tmp_path, files, "-w", "2", "--graceful-timeout", "10", app="flask_agent_api.wsgi:app", env=env
    ) as server:
        yield server


def entries(server: Server, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("event") == event]


def ask(server: Server, **fields: Any) -> str:
    with RawClient(server.port) as client:
        client.post(**fields)
        return client.response().read().decode()


def get(server: Server, path: str) -> tuple[int, str]:
    with RawClient(server.port) as client:
        client.send("GET", path)
        response = client.response()
        return response.status, response.read().decode()


@pytest.mark.slow
def test_a_server_with_two_workers_is_seen_as_one(server: Server) -> None:
    workers: set[str] = set()
    asked = 0
    while len(workers) < 2 or asked < 10:
        assert asked < 500, "only one worker answers"
        workers.update(re.findall(r"from (\d+)", ask(server, stream=asked % 2 == 0)))
        asked += 1
    wait_until(lambda: len(entries(server, "run")) == asked)
    assert {entry["end"] for entry in entries(server, "run")} == {"done"}
    assert len({entry["request_id"] for entry in entries(server, "run")}) == asked
    if has_metrics:
        for _ in range(5):  # whichever worker answers
            status, text = get(server, "/metrics")
            assert status == 200
            assert f'agent_api_runs_total{{agent="quick",end="done",kind="chat"}} {asked}.0' in text


@pytest.mark.slow
def test_a_worker_that_ends_is_not_ready_but_lives(server: Server) -> None:
    with ExitStack() as connections:
        slow = connections.enter_context(RawClient(server.port))
        slow.post(model="slow", stream=True)
        response = slow.response()
        wait_until((server.folder / "begun").exists)
        ready, alive = (
            connections.enter_context(RawClient(server.port)),
            connections.enter_context(RawClient(server.port)),
        )
        assert (status_of(ready, "/readyz"), status_of(alive, "/healthz")) == (200, 200)
        if has_metrics:
            assert 'agent_api_runs_in_progress{agent="slow"} 1.0' in get(server, "/metrics")[1]
        os.killpg(server.pid, signal.SIGTERM)
        wait_until(lambda: status_of(ready, "/readyz") == 503)
        assert status_of(alive, "/healthz") == 200
        (server.folder / "over").touch()
        assert b"and ended" in response.read()
    wait_until(lambda: server._process.poll() is not None)
    assert [entry["end"] for entry in entries(server, "run")] == ["done"]
    assert list(server.folder.glob("agent-api-metrics-*")) == []


def status_of(client: RawClient, path: str) -> int:
    client.send("GET", path)
    response = client.response()
    response.read()
    return response.status
