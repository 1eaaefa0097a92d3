"""Limits of keys over workers that share a Redis, and nothing else: each is a server of its own."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
import yaml

from flask_agent_api.keys import hash_of
from tests.redis_server import RedisServer
from tests.support import QUESTION
from tests.support import Server
from tests.waiting import wait_until

APP = """\
import os, time
from flask_agent_api import agents, create_app
from flask_agent_api.types import Usage

@agents.agent("spending")
def spending(messages):
    yield Usage(7, 3)
    yield str(os.getpid())

@agents.agent("slow")
def slow(messages):
    yield str(os.getpid())
    while not os.path.exists("go-on"):
        time.sleep(0.01)

app = create_app()
"""
LIMITS = {"asks": {"requests_per_minute": 40}, "spends": {"tokens_per_day": 95}, "waits": {"streams": 3}}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    folder = tmp_path_factory.mktemp("quota")
    redis = RedisServer(folder)
    keys = {name: {"hash": hash_of(key(name)), **limits} for name, limits in LIMITS.items()}
    files = {"app.py": APP, "keys.yaml": yaml.safe_dump(keys)}
    env = {"REDIS_URL": redis.url, "FLASK_AGENT_API_KEYS_FILE": "keys.yaml"}
    try:
        with Server(folder, files, env=env) as one, Server(folder, files, env=env) as other:
            yield [one, other]
    finally:
        redis.stop()


def key(name: str) -> str:
    return f"{name}-0123456789abcdef"


def ask(servers: list[Server], name: str, agent: str = "spending", number: int = 0) -> tuple[int, str]:
    """One question to one of the servers: the status, and the worker or the error's code."""
    server = servers[number % 2]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key(name)}"}
    body = json.dumps({**QUESTION, "model": agent}).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{server.url}/chat/completions", body, headers), timeout=20
        ) as response:
            return response.status, str(json.load(response)["choices"][0]["message"]["content"])
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, str(json.load(exc)["error"]["code"])


def test_requests_of_all_workers_count_together_and_exactly(servers: list[Server]) -> None:
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda number: ask(servers, "asks", number=number), range(80)))
    assert Counter(status for status, _ in found) == {200: 40, 429: 40}
    assert len({worker for status, worker in found if status == 200}) == 2
    assert {code for status, code in found if status == 429} == {"rate_limit_exceeded"}


def test_tokens_of_all_workers_count_together_and_exactly(servers: list[Server]) -> None:
    found = [ask(servers, "spends", number=number) for number in range(12)]
    assert [status for status, _ in found] == [200] * 10 + [429] * 2
    assert found[-1][1] == "insufficient_quota"
    with pytest.raises(openai.RateLimitError) as caught:
        openai.OpenAI(base_url=servers[0].url, api_key=key("spends")).chat.completions.create(
            model="spending", messages=[{"role": "user", "content": "hi"}]
        )
    assert caught.value.type == "insufficient_quota"
    assert caught.value.response.headers["x-ratelimit-remaining-tokens"] == "0"


def test_streams_of_all_workers_count_together_and_come_back(servers: list[Server]) -> None:
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(ask, servers, "waits", "slow", number) for number in range(12)]
        wait_until(lambda: sum(each.done() for each in asked) == 9)
        assert Counter(each.result()[0] for each in asked if each.done()) == {429: 9}
        (servers[0].folder / "go-on").touch()
        assert Counter(each.result()[0] for each in asked) == {200: 3, 429: 9}
    assert [ask(servers, "waits", number=number)[0] for number in range(5)] == [200] * 5
