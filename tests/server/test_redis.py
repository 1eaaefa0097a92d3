"""Conversations in a real Redis, with workers that share nothing else."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.redis_server import RedisServer
from tests.support import Server
from tests.waiting import wait_until

APP = """\
import os
from flask_agent_api import agents, create_app

@agents.agent("counting")
def counting(messages):
    return f"{sum(message['role'] == 'user' for message in messages)} {os.getpid()}"

app = create_app()
"""


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, "--appendonly", "yes", "--appendfsync", "always", password="sesame-7")
    yield server
    server.stop()


def ask(server: Server, conversation: str) -> tuple[int, dict[str, object]]:
    """One question on a connection of its own, without the history."""
    body = json.dumps({"messages": [{"role": "user", "content": f"question {time.monotonic()}"}]}).encode()
    headers = {"Content-Type": "application/json", "X-Conversation-Id": conversation}
    request = urllib.request.Request(f"{server.url}/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)["choices"][0]["message"]
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, json.load(exc)["error"]


def test_workers_go_on_with_each_others_conversations_also_after_redis_was_killed(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    with Server(tmp_path, {"app.py": APP}, "-w", "2", env={"REDIS_URL": redis_server.url}) as server:
        workers: list[str] = []
        while len(set(workers)) < 2 or len(workers) < 10:
            _, message = ask(server, "c1")
            questions, worker = str(message["content"]).split()
            workers.append(worker)
            assert int(questions) == len(workers)
            assert len(workers) < 500

        redis_server.kill()
        assert [ask(server, "c1")[1].get("code") for _ in range(4)] == ["store_unavailable"] * 4
        redis_server.start()
        wait_until(lambda: ask(server, "c2")[0] == 200)
        _, message = ask(server, "c1")
        assert int(str(message["content"]).split()[0]) == len(workers) + 1
        assert "cannot be asked" in server.log
        wait_until(lambda: ask(server, "c2")[0] == 200 and "answers again" in server.log)  # only who missed it says so
        assert "sesame" not in server.log
