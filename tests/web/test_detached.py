"""Runs that go on without their clients, in one process; with several: tests/server/test_detached.py."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from werkzeug.test import TestResponse

from flask_agent_api.conversations import answers
from flask_agent_api.conversations.base import Log
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.base import StoreUnavailable
from flask_agent_api.conversations.memory import MemoryStore
from flask_agent_api.errors import ModelError
from flask_agent_api.testing import collect_sse
from tests.paying_host import Host
from tests.paying_host import LOST
from tests.paying_host import pays
from tests.paying_host import refusal
from tests.waiting import wait_until

DETACH = {"X-Agent-On-Disconnect": "detach"}


def detached(host: Host, after: int | None = None, **fields: Any) -> TestResponse:
    resumed = {} if after is None else {"Last-Event-ID": str(after)}
    return host.ask(headers={**DETACH, **resumed, **fields.pop("headers", {})}, **fields)


def left(host: Host, **fields: Any) -> bytes:
    """A stream's first piece, after which the client goes away."""
    response = detached(host, stream=True, **fields)
    piece: bytes = next(iter(response.response))
    response.close()
    return piece


class Following(threading.Thread):
    """A client that comes back, and reads to the end."""

    def __init__(self, host: Host, **fields: Any) -> None:
        super().__init__()
        self._ask = lambda: detached(host, **fields)
        self.start()

    def run(self) -> None:
        self.response = self._ask()
        self.body = self.response.get_data()
        self.response.close()

    def ended(self) -> Following:
        self.join(5)
        return self


@pytest.mark.parametrize(
    ("headers", "param"),
    [
        ({"X-Agent-On-Disconnect": "stay"}, "X-Agent-On-Disconnect"),
        ({"Last-Event-ID": "-1"}, "Last-Event-ID"),
        ({"Last-Event-ID": "x"}, "Last-Event-ID"),
        ({"Last-Event-ID": "1" * 10}, "Last-Event-ID"),
    ],
)
def test_malformed_headers_are_refused(headers: dict[str, str], param: str) -> None:
    response = Host().ask(headers=headers)
    assert refusal(response)[:2] == (400, "invalid_header")
    assert response.json is not None
    assert response.json["error"]["param"] == param


def test_a_run_acts_once_however_often_its_client_leaves() -> None:
    host = Host()
    host.model._replies = [pays("tea"), [host.goes_on, "Done."]]
    first = left(host)
    assert left(host).startswith(first)
    following = Following(host, stream=True)
    host.goes_on.set()
    whole = following.ended().body
    assert collect_sse(whole).text == "Done."
    for after in (0, 1, 2, 999):
        rest = detached(host, after, stream=True).get_data()
        assert rest == b"".join(frame + b"\n\n" for frame in whole.split(b"\n\n")[after:-1])
    assert host.paid == ["tea"]
    wait_until(lambda: len(host.service.in_flight) == 0)


@pytest.mark.parametrize("stream", [False, True])
def test_who_follows_a_run_that_failed_before_it_acted_may_ask_again(stream: bool) -> None:
    host = Host(status_wait=0.1)
    host.model._replies = [[host.goes_on, ModelError("down")], "Done."]
    begun = Following(host, stream=stream)
    wait_until(lambda: host.model.requests)
    following = Following(host, stream=stream)
    wait_until(lambda: len(host.service.in_flight) == 2)
    host.goes_on.set()
    assert b"down" in begun.ended().body
    assert b"idempotency_in_progress" in following.ended().body
    assert b"Done." in detached(host, stream=stream).get_data()


def test_who_waits_too_long_for_a_whole_answer_is_told_to_ask_again() -> None:
    host = Host(json_timeout=0.2)
    for _ in range(2):
        assert refusal(detached(host, model="slow")) == (409, "idempotency_in_progress", None)
    host.goes_on.set()
    wait_until(lambda: b"at last" in detached(host, model="slow").get_data())
    assert host.calls == 1


def test_without_a_key_there_is_nothing_to_ask_for_again() -> None:
    host = Host(json_timeout=0.2)
    assert refusal(detached(host, key=None, model="slow")) == (504, "use_stream", "false")
    assert len(host.service.in_flight) == 1
    host.goes_on.set()
    wait_until(lambda: len(host.service.in_flight) == 0)


def test_an_answer_that_is_too_long_ends_for_those_who_follow() -> None:
    host = Host(idempotency_max_bytes=1000)
    host.model._replies = [["begun", host.goes_on, "x" * 2000]]
    left(host)
    wait_until(lambda: len(host.store.read(host.log()).entries) > 1)
    following = Following(host, stream=True)
    wait_until(lambda: len(host.service.in_flight) == 2)
    host.goes_on.set()
    error = collect_sse(following.ended().body).error
    assert error is not None
    assert error["code"] == "run_interrupted"
    assert refusal(detached(host, stream=True)) == LOST


class Unread(MemoryStore):
    """Cannot be read once it was told so."""

    fails = False

    def read(self, key: LogKey, first: int = 0) -> Log:
        if self.fails:
            raise StoreUnavailable
        return super().read(key, first)


def test_a_store_that_fails_ends_the_following_and_not_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Unread()
    monkeypatch.setattr("flask_agent_api.web.service.open_store", lambda *_: store)
    host = Host()
    host.model._replies = [["begun", host.goes_on, "and ended"]]
    left(host)
    wait_until(lambda: len(host.store.read(host.log()).entries) > 1)
    following = Following(host, stream=True)
    wait_until(lambda: len(host.service.in_flight) == 2)
    store.fails = True
    error = collect_sse(following.ended().body).error
    assert error is not None
    assert error["code"] == "store_unavailable"
    store.fails = False
    host.goes_on.set()
    assert collect_sse(detached(host, stream=True).get_data()).text == "begunand ended"


def test_a_key_is_free_again_if_its_conversation_was_busy() -> None:
    host = Host(status_wait=0.1)
    headers = {"X-Conversation-Id": "c1"}
    left(host, model="slow", headers=headers)
    busy = host.ask(key="k2", model="slow", headers=headers)
    assert refusal(busy)[:2] == (409, "conversation_busy")
    assert [info.key.id for info in host.store.list(answers.KIND) if info.entries] == ["k1"]
    host.goes_on.set()
    wait_until(lambda: len(host.service.in_flight) == 0)
    assert host.ask(key="k2", model="slow", headers=headers).status_code == 200


def test_places_are_held_by_the_run_and_not_by_its_client() -> None:
    host = Host(max_streams=1)
    host.model._replies = [["begun", host.goes_on, "and ended"]]
    left(host)
    assert refusal(detached(host, key="k2"))[:2] == (503, "too_many_streams")
    host.goes_on.set()
    wait_until(lambda: len(host.service.in_flight) == 0)
