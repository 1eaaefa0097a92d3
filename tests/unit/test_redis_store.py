"""What can go wrong between a store and its Redis."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.conversations.base import ConversationStore
from flask_agent_api.conversations.base import LeaseLost
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.base import StoreUnavailable
from flask_agent_api.conversations.base import Write
from flask_agent_api.conversations.redis_index import digest
from flask_agent_api.conversations.stores import open_store
from flask_agent_api.errors import ConfigError
from tests.ports import free_port
from tests.redis_server import RedisServer
from tests.waiting import wait_until

KEY = LogKey("conversation", "key:alice", "root", "c1")
DAY = 86_400.0


class CuttingProxy:
    """Forwards to a Redis, and loses the answers while ``cut`` says so: the connection ends in their place."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self.cut = 0
        self.stall = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            origin = socket.create_connection(("127.0.0.1", self._server.port))
            threading.Thread(target=self._copy, args=(peer, origin), daemon=True).start()
            threading.Thread(target=self._copy_back, args=(origin, peer), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        finally:
            sink.close()

    def _copy_back(self, origin: socket.socket, peer: socket.socket) -> None:
        try:
            while data := origin.recv(65536):
                if self.stall:
                    continue
                if self.cut:
                    self.cut -= 1
                    peer.shutdown(socket.SHUT_RDWR)
                    return
                peer.sendall(data)
        except OSError:
            pass
        finally:
            peer.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def store(redis_server: RedisServer) -> Iterator[ConversationStore]:
    redis_server.ask("FLUSHALL")
    store = open_store(redis_server.url, "")
    yield store
    store.close()


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[CuttingProxy]:
    redis_server.ask("FLUSHALL")
    proxy = CuttingProxy(redis_server)
    yield proxy
    proxy.close()


def test_what_was_done_although_the_answer_was_lost_is_harmless_to_repeat(proxy: CuttingProxy) -> None:
    store = open_store(proxy.url, "")
    store.read(KEY)  # connects

    proxy.cut = 1
    assert store.lease(KEY, "a", 30).revision == 0
    proxy.cut = 1
    store.write(KEY, "a", Write(0, 0, [b"one"], DAY, release=False))
    proxy.cut = 1
    store.write(KEY, "a", Write(1, 1, [b"two"], DAY))
    assert store.read(KEY).entries == [b"one", b"two"]
    assert (store.read(KEY).revision, store.read(KEY).leased) == (2, False)
    proxy.cut = 1
    assert store.delete(KEY)
    assert not store.delete(KEY)
    assert proxy.cut == 0
    store.close()


def test_a_write_is_not_taken_for_another_that_was_done(store: ConversationStore) -> None:
    store.lease(KEY, "a", 30)
    write = Write(0, 0, [b"one"], DAY)
    store.write(KEY, "a", write)
    store.lease(KEY, "b", 30)
    store.write(KEY, "b", Write(1, 1, [b"two"], DAY))
    store.write(KEY, "a", write)  # the caller may ask again as well
    with pytest.raises(LeaseLost):
        store.write(KEY, "a", Write(0, 0, [b"other"], DAY))
    assert store.read(KEY).entries == [b"one", b"two"]


def test_a_connection_that_is_lost_twice_is_an_outage(proxy: CuttingProxy) -> None:
    store = open_store(proxy.url, "")
    store.read(KEY)  # connects
    proxy.cut = 2
    with pytest.raises(StoreUnavailable):
        store.lease(KEY, "a", 30)
    assert store.lease(KEY, "a", 30).revision == 0
    store.close()


def test_a_redis_that_does_not_answer_is_given_up(proxy: CuttingProxy) -> None:
    store = open_store(f"{proxy.url}?socket_timeout=0.05", "")
    store.lease(KEY, "a", 30)
    proxy.stall = True
    with pytest.raises(StoreUnavailable):
        store.read(KEY)
    proxy.stall = False
    assert store.read(KEY).leased
    store.close()


def test_who_was_cancelled_leaves_nothing_for_the_next(proxy: CuttingProxy) -> None:
    store = open_store(f"{proxy.url}?max_connections=1", "")
    store.lease(KEY, "a", 30)
    proxy.stall = True
    task = spawn(lambda: store.lease(KEY, "a", 30))
    wait_until(lambda: not task.join(0.01))
    task.cancel(Cancelled())
    assert task.join(5)
    proxy.stall = False
    assert store.read(KEY).leased
    assert not store.read(LogKey("conversation", "key:alice", "root", "c2")).leased
    store.close()


def test_who_waits_in_vain_for_a_connection_gives_up_and_takes_none_away(
    proxy: CuttingProxy, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(f"{proxy.url}?max_connections=1&timeout=0.05&socket_timeout=0.3", "")
    store.lease(KEY, "a", 30)
    proxy.stall = True
    at_work = spawn(lambda: _answers(store))
    wait_until(lambda: not at_work.join(0.01))
    waiting = spawn(lambda: store.read(KEY))
    wait_until(lambda: not waiting.join(0.01))
    waiting.cancel(Cancelled())
    assert waiting.join(5)
    with pytest.raises(StoreUnavailable):
        store.read(KEY)
    assert "no connection was free within 0.05 seconds" in caplog.text
    assert at_work.join(5)
    proxy.stall = False
    assert store.read(KEY).leased
    store.close()


def test_no_run_is_refused_because_many_ask_at_a_time(redis_server: RedisServer, store: ConversationStore) -> None:
    store = open_store(f"{redis_server.url}?max_connections=2", "")
    done: list[int] = []

    def turn(number: int) -> None:
        key = LogKey("conversation", "key:alice", "root", str(number))
        store.lease(key, "a", 30)
        store.write(key, "a", Write(0, 0, [b"1"], DAY))
        done.append(number)

    tasks = [spawn(turn, number) for number in range(100)]
    assert all(task.join(20) for task in tasks)
    assert len(done) == 100
    assert int(redis_server.ask("INFO", "clients").partition("connected_clients:")[2].split()[0]) <= 4
    store.close()


def test_scripts_that_redis_forgot_are_sent_again(redis_server: RedisServer, store: ConversationStore) -> None:
    store.lease(KEY, "a", 30)
    redis_server.ask("SCRIPT", "FLUSH")
    store.write(KEY, "a", Write(0, 0, [b"one"], DAY))
    redis_server.ask("SCRIPT", "FLUSH")
    assert [info.key for info in store.list("conversation")] == [KEY]
    assert store.read(KEY).entries == [b"one"]


def test_hints_of_logs_that_are_gone_are_cleaned(redis_server: RedisServer, store: ConversationStore) -> None:
    keys = [LogKey("conversation", "key:alice", "root", f"c{number}") for number in range(3)]
    for key in keys:
        store.lease(key, "a", 30)
        store.write(key, "a", Write(0, 0, [b"1"], DAY))
    redis_server.ask("DEL", f"agent_api:{{{_digest(keys[1])}}}:log")
    assert redis_server.ask("ZCARD", "agent_api:{conversation}:used") == "3"
    assert [info.key for info in store.list("conversation", limit=1, offset=1)] == [keys[0]]
    assert redis_server.ask("ZCARD", "agent_api:{conversation}:used") == "2"
    assert redis_server.ask("ZCARD", "agent_api:{conversation}:ends") == "2"
    assert store.prune("conversation", 0) == 2
    assert redis_server.ask("KEYS", "*") == ""


def _digest(key: LogKey) -> str:
    return digest(key.kind, key.principal, key.agent, key.id)


def test_nothing_is_left_of_a_log_that_was_only_leased(redis_server: RedisServer, store: ConversationStore) -> None:
    store.lease(KEY, "a", 0.05)
    wait_until(lambda: redis_server.ask("KEYS", "*") == "")


def test_a_key_of_another_type_is_an_outage_of_that_log(
    redis_server: RedisServer, store: ConversationStore, caplog: pytest.LogCaptureFixture
) -> None:
    redis_server.ask("SET", f"agent_api:{{{_digest(KEY)}}}:log", "x")
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            store.lease(KEY, "a", 30)
    store.lease(LogKey("conversation", "key:bob", "root", "c1"), "a", 30)
    begin, end = _warnings(caplog)
    assert "refuses to lease" in begin
    assert "WRONGTYPE" in begin
    assert "does lease again" in end


def test_a_redis_without_memory_refuses_all_of_a_write(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = RedisServer(tmp_path, "--maxmemory-policy", "noeviction")
    store = open_store(server.url, "")
    try:
        store.lease(KEY, "a", 30)
        store.write(KEY, "a", Write(0, 0, [b"one", b"two"], DAY, release=False))
        server.ask("CONFIG", "SET", "maxmemory", "1")
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                store.write(KEY, "a", Write(1, 0, [b"new"], DAY))
        assert store.read(KEY).entries == [b"one", b"two"]
        server.ask("CONFIG", "SET", "maxmemory", "0")
        store.write(KEY, "a", Write(1, 0, [b"new"], DAY))
        assert store.read(KEY).entries == [b"new"]
    finally:
        store.close()
        server.stop()
    begin, end = _warnings(caplog)
    assert "refuses to write" in begin
    assert "OutOfMemoryError" in begin
    assert "does write again" in end


def test_a_password_is_never_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = RedisServer(tmp_path, password="sesame-7")
    try:
        store = open_store(server.url, "")
        store.lease(KEY, "a", 30)
        wrong = open_store(server.url.replace("sesame-7", "sesame-8"), "")
        with pytest.raises(StoreUnavailable) as caught:
            wrong.lease(KEY, "a", 30)
        store.close()
    finally:
        server.stop()
    with pytest.raises(ConfigError) as misread:
        open_store("redis://:sesame/8@localhost/0", "")
    (line,) = _warnings(caplog)
    assert "AuthenticationError: invalid username-password pair" in line
    said = [line, repr(wrong), repr(vars(wrong)), repr(caught.value), repr(caught.value.__cause__), str(misread.value)]
    assert misread.value.__cause__ is None
    assert not any("sesame" in text for text in said)


def test_an_outage_is_one_line_and_its_end_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = RedisServer(tmp_path, "--appendonly", "yes", "--appendfsync", "always")
    store = open_store(server.url, "")
    try:
        store.lease(KEY, "a", 30)
        store.write(KEY, "a", Write(0, 0, [b"one"], DAY))
        server.kill()
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                store.lease(KEY, "b", 30)
        server.start()
        wait_until(lambda: _answers(store))
        assert store.lease(KEY, "b", 30).entries == [b"one"]
    finally:
        store.close()
        server.stop()
    begin, end = _warnings(caplog)
    assert f"127.0.0.1:{server.port}" in begin
    assert "cannot be asked" in begin
    assert "answers again" in end


def test_a_restart_between_two_questions_is_not_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = RedisServer(tmp_path, "--appendonly", "yes")
    store = open_store(server.url, "")
    try:
        tasks = [spawn(store.read, KEY) for _ in range(5)]  # several connections
        assert all(task.join(5) for task in tasks)
        store.lease(KEY, "a", 30)
        server.stop()
        server.start()
        for _ in range(5):
            assert store.lease(KEY, "a", 30).leased
    finally:
        store.close()
        server.stop()
    assert _warnings(caplog) == []


@pytest.mark.parametrize("query", ["ssl_cert_reqs=none", "ssl_ca_certs={}/ca.pem"])
def test_tls_with_a_certificate_that_is_not_looked_at_or_by_a_ca(
    tmp_path: Path, certificates: Path, query: str
) -> None:
    port = str(free_port())
    files = ["--tls-cert-file", "server.pem", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.pem"]
    paths = [f"{certificates}/{word}" if word.endswith(("pem", "key")) else word for word in files]
    server = RedisServer(tmp_path, "--tls-port", port, "--tls-auth-clients", "no", *paths)
    try:
        strict = open_store(f"rediss://localhost:{port}/0", "")
        with pytest.raises(StoreUnavailable):
            strict.read(KEY)
        store = open_store(f"rediss://localhost:{port}/0?{query.format(certificates)}", "")
        assert store.lease(KEY, "a", 30).leased
        store.close()
    finally:
        server.stop()


def test_nothing_is_asked_before_it_has_to_be() -> None:
    store = open_store(f"redis://127.0.0.1:{free_port()}/0", "")
    with pytest.raises(StoreUnavailable):
        store.read(KEY)


@pytest.mark.parametrize(
    "url", ["redis://h/0?prefix=a{b}", "redis://h/0?no_such=1", "redis://h/0?socket_timeout=soon", "redis://h:port/0"]
)
def test_a_url_that_means_nothing_is_an_error(url: str) -> None:
    with pytest.raises(ConfigError):
        open_store(url, "")


def _answers(store: ConversationStore) -> bool:
    try:
        store.read(KEY)
    except StoreUnavailable:
        return False
    return True


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
