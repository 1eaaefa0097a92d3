"""Conversations on real servers: several workers, several servers, and all that can die."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import pytest

from flask_agent_api.conversations.base import ConversationStore
from flask_agent_api.conversations.stores import open_store
from tests.conversation_load import ask
from tests.conversation_load import check_whole
from tests.conversation_load import Load
from tests.conversation_load import stored
from tests.processes import children
from tests.redis_server import RedisServer
from tests.support import Server
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
APP = "from tests.conversation_app import create_app\napp = create_app()\n"


@dataclass
class Site:
    """Servers that share a store."""

    store: ConversationStore
    servers: list[Server]
    redis: RedisServer | None = None
    urls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.urls = [server.url for server in self.servers]

    def workers(self) -> list[int]:
        return [pid for server in self.servers for pid in children(server.pid)]


@contextmanager
def site(kind: str, tmp_path: Path, **env: str) -> Iterator[Site]:
    """Two workers on one SQLite file, or two servers with two workers each on one Redis."""
    with ExitStack() as stack:
        redis = None
        if kind == "redis":
            redis = RedisServer(tmp_path, "--appendonly", "yes", "--appendfsync", "always")
            stack.callback(redis.stop)
        url = redis.url if redis else f"sqlite:///{tmp_path}/conversations.sqlite3"
        settings = {"FLASK_AGENT_API_STORE": url, "PYTHONPATH": str(ROOT), **env}
        servers = []
        for number in range(2 if redis else 1):
            folder = tmp_path / f"server{number}"
            folder.mkdir()
            servers.append(Server(folder, {"app.py": APP}, "-w", "2", env=settings))
            stack.enter_context(servers[-1])
        store = open_store(url, str(tmp_path))
        stack.callback(store.close)
        yield Site(store, servers, redis)


def leases(site: Site) -> int:
    """How many conversations somebody holds."""
    listed = [info.key for info in site.store.list("conversation", limit=100_000)]
    return sum(site.store.read(key).leased for key in listed)


KINDS = pytest.mark.parametrize("kind", ["sqlite", "redis"])


@pytest.mark.slow
@KINDS
@pytest.mark.parametrize("wait", ["0", "30"])
def test_of_fifty_clients_that_race_each_adds_one_turn_in_some_order(kind: str, wait: str, tmp_path: Path) -> None:
    with site(kind, tmp_path, FLASK_AGENT_API_CONVERSATION_WAIT=wait) as there:
        failures: list[str] = []

        def insist(number: int) -> None:
            while (asked := ask(there.urls[number % len(there.urls)], "race", f"from {number}")).failure:
                failures.append(asked.failure)
                time.sleep(random.uniform(0.01, 0.2))

        threads = [threading.Thread(target=insist, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(100)
        assert set(failures) <= ({"409 conversation_busy"} if wait == "0" else set())
        questions = check_whole(stored(there.store, "race"))
        assert sorted(questions) == sorted(f"from {number}" for number in range(50))
        assert leases(there) == 0


def kill_again_and_again(there: Site, load: Load, times: int) -> None:
    """Kills a worker at a random moment, and the next one when others have answered again."""
    for _ in range(times):
        before = load.turns_answered
        wait_until(lambda before=before: load.turns_answered > before)
        time.sleep(random.uniform(0.0, 0.1))
        if workers := there.workers():
            os.kill(random.choice(workers), signal.SIGKILL)


def check_nothing_is_torn(there: Site, load: Load) -> None:
    """What was answered is there, in its order; of what was not, all or nothing."""
    assert load.answered
    for id, answered in load.answered.items():
        questions = check_whole(stored(there.store, id))
        assert questions[: len(answered)] == answered
        assert len(questions) <= len(answered) + 1  # committed, and then the worker died before it could say so


@pytest.mark.slow
@KINDS
def test_workers_that_are_killed_tear_no_turn(kind: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    kills = pytestconfig.getoption("--kills")
    with site(kind, tmp_path) as there:
        load = Load(there.urls).start(8)
        try:
            kill_again_and_again(there, load, kills)
        finally:
            load.stop()
        killed = time.monotonic()
        check_nothing_is_torn(there, load)
        assert load.failures.keys() - {"409 conversation_busy"}, "nobody noticed that workers died"
        wait_until(lambda: leases(there) == 0, 30.0 - (time.monotonic() - killed))


@pytest.mark.slow
def test_a_conversation_of_a_dead_worker_goes_on_within_thirty_seconds(tmp_path: Path) -> None:
    with site("sqlite", tmp_path) as there:
        assert not ask(there.urls[0], "c", "one").failure
        asked = threading.Thread(target=ask, args=(there.urls[0], "c", "two"))
        asked.start()
        wait_until(lambda: leases(there) == 1)
        for worker in there.workers():
            os.kill(worker, signal.SIGKILL)
        asked.join(30)
        if len(stored(there.store, "c")) == 1:
            wait_until(lambda: not ask(there.urls[0], "c", "three").failure)
            assert [turn.sent[0]["content"] for turn in stored(there.store, "c")] == ["one", "three"]


@pytest.mark.slow
@pytest.mark.parametrize("end", [RedisServer.stop, RedisServer.kill])
def test_redis_may_stop_and_start_under_load(end: Callable[[RedisServer], None], tmp_path: Path) -> None:
    with site("redis", tmp_path) as there:
        assert there.redis is not None
        load = Load(there.urls).start(8)
        try:
            for _ in range(3):
                wait_until(lambda: len(load.answered) > 8)
                end(there.redis)
                wait_until(lambda: load.failures["503 store_unavailable"] > 10)
                there.redis.start()
                before = len(load.answered)
                wait_until(lambda before=before: len(load.answered) > before + 8)
        finally:
            load.stop()
        assert set(load.failures) <= {"503 store_unavailable", "store_unavailable", "409 conversation_busy"}
        check_nothing_is_torn(there, load)


@pytest.mark.slow
@KINDS
def test_the_store_never_holds_the_hub_up(kind: str, tmp_path: Path) -> None:
    """Measured while another process keeps SQLite locked; a busy machine holds things up as well: the best of three."""
    with site(kind, tmp_path) as there:
        load = Load(there.urls, turns=20).start(8)
        try:
            wait_until(lambda: len(load.answered) >= 8)
            longest = []
            for _ in range(3):
                for _ in range(8):
                    standstill(there)
                time.sleep(3.0)
                longest.append(max(standstill(there) for _ in range(8)))
        finally:
            load.stop()
        assert not load.failures
        assert min(longest) < 0.05, longest


def standstill(there: Site) -> float:
    url = there.urls[0].removesuffix("/v1") + "/standstill"
    with urllib.request.urlopen(url, timeout=10) as response:
        return float(json.load(response)["seconds"])
