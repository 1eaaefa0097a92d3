"""Requests with an ``Idempotency-Key``: answered once, and the same way each time."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from werkzeug.test import TestResponse

from flask_agent_api.conversations import answers
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.base import StoreUnavailable
from flask_agent_api.conversations.base import Write
from flask_agent_api.conversations.memory import MemoryStore
from flask_agent_api.errors import ModelError
from flask_agent_api.testing import collect_sse
from tests.paying_host import Host
from tests.paying_host import LOST
from tests.paying_host import pays
from tests.paying_host import refusal
from tests.waiting import wait_until


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_given_again_byte_for_byte_and_nothing_is_done_twice(stream: bool) -> None:
    host = Host(pays("coffee"), "Done.")
    headers = {"X-Conversation-Id": "c1"}
    first = host.ask(stream=stream, store=True, headers=headers)
    first.get_data()
    second = host.ask(stream=stream, store=True, headers=headers)
    assert (first.status_code, first.data) == (second.status_code, second.data)
    if stream:
        assert collect_sse(first.data).text == "Done."
    assert host.paid == ["coffee"]
    assert len(host.model.requests) == 2
    for name in ("Content-Type", "X-Agent", "X-Conversation-Id", "X-Agent-Ignored"):
        assert first.headers[name] == second.headers[name]
        assert second.headers.getlist(name) == [first.headers[name]]
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert [each.headers.get("Idempotency-Replayed") for each in (first, second)] == [None, "true"]


def test_a_key_belongs_to_its_body_and_to_its_caller() -> None:
    host = Host("one", "two", "three", "four")
    host.ask("q")
    assert refusal(host.ask("another")) == (422, "idempotency_key_reused", None)
    assert refusal(host.ask("q", stream=True))[0] == 422
    assert "Idempotency-Replayed" not in host.ask("q", who="bob").headers
    assert "Idempotency-Replayed" not in host.ask("q", key="k2").headers
    assert host.ask("q").headers["Idempotency-Replayed"] == "true"
    assert len(host.model.requests) == 3


def test_a_request_that_is_being_answered_is_refused() -> None:
    host = Host()
    responses: list[TestResponse] = []
    thread = threading.Thread(target=lambda: responses.append(host.ask(model="slow")))
    thread.start()
    assert host.entered.wait(5)
    busy = host.ask(model="slow")
    assert refusal(busy)[:2] == (409, "idempotency_in_progress")
    assert busy.headers["Retry-After"] == "1"
    assert refusal(host.ask("other", model="slow"))[0] == 422
    host.goes_on.set()
    thread.join(5)
    assert host.ask(model="slow").data == responses[0].data
    assert host.calls == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_before_anything_was_done_leaves_the_key(stream: bool) -> None:
    host = Host(ModelError("down", status=503, code="upstream_unavailable"), pays("tea"), "Done.", model_retries=0)
    assert refusal(host.ask(stream=stream)) == (503, "upstream_unavailable", None)
    assert host.ask(stream=stream).status_code == 200
    assert host.paid == ["tea"]


def test_a_failure_after_tools_is_given_again() -> None:
    host = Host(pays("tea"), ModelError("down", status=503, code="upstream_unavailable"), "never", model_retries=0)
    first = host.ask()
    assert refusal(first) == (503, "upstream_unavailable", "false")
    again = host.ask()
    assert (again.status_code, again.data, again.headers["X-Should-Retry"]) == (503, first.data, "false")
    assert host.paid == ["tea"]


def test_a_stream_that_failed_after_tools_is_given_again() -> None:
    host = Host(pays("tea"), ModelError("down"), "never", model_retries=0)
    first = host.ask(stream=True)
    assert collect_sse(first.data).error is not None
    assert host.ask(stream=True).data == first.data
    assert host.paid == ["tea"]


def test_of_agents_in_python_nobody_knows_what_they_did() -> None:
    host = Host()
    first = host.ask(model="python")
    assert refusal(first) == (500, "internal_error", "false")
    assert host.ask(model="python").data == first.data
    assert host.calls == 1


def test_what_is_wrong_with_a_request_is_no_answer() -> None:
    host = Host("fine")
    assert host.ask(n=2).status_code == 400
    assert host.ask().status_code == 200


def test_a_run_whose_worker_died_is_not_made_again() -> None:
    host = Host("fine", "never")
    host.ask()
    key = host.log()
    log = host.store.lease(key, "another worker", 1.0)
    host.store.write(key, "another worker", Write(log.revision, 1, [], 60.0, release=False))
    assert refusal(host.ask())[:2] == (409, "idempotency_in_progress")
    wait_until(lambda: not host.store.read(key).leased)
    assert refusal(host.ask()) == LOST
    assert len(host.model.requests) == 1


def test_a_claimed_key_without_an_answer_yet_is_in_use() -> None:
    host = Host("fine")
    host.ask()
    key = LogKey(answers.KIND, host.log().principal, host.log().agent, "k2")
    host.store.lease(key, "another worker", 60.0)
    assert refusal(host.ask(key="k2"))[:2] == (409, "idempotency_in_progress")


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_too_long_is_sent_but_not_kept(stream: bool) -> None:
    host = Host(pays("tea"), "x" * 3000, idempotency_max_bytes=2000)
    response = host.ask(stream=stream)
    assert b"x" * 3000 in response.data
    assert refusal(host.ask(stream=stream)) == LOST
    assert host.paid == ["tea"]


class Failing(MemoryStore):
    """Fails from the second write of an answer on: the head is there, the rest is not."""

    writes = 0
    most = 1

    def write(self, key: LogKey, owner: str, write: Write) -> None:
        self.writes += 1
        if self.writes > self.most:
            raise StoreUnavailable
        super().write(key, owner, write)


def test_a_store_that_fails_at_the_end_costs_the_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Failing()
    monkeypatch.setattr("flask_agent_api.web.service.open_store", lambda *_: store)
    host = Host(pays("tea"), "Done.")
    assert host.ask().json["choices"][0]["message"]["content"] == "Done."
    assert refusal(host.ask()) == LOST
    assert host.paid == ["tea"]


def test_a_store_that_fails_before_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Failing()
    store.most = 0
    monkeypatch.setattr("flask_agent_api.web.service.open_store", lambda *_: store)
    host = Host("never", "later")
    assert refusal(host.ask()) == (503, "store_unavailable", None)
    assert host.model.requests == []
    store.most = 9
    assert host.ask().status_code == 200


def test_what_cannot_be_read_is_not_run_again() -> None:
    host = Host("fine", "never")
    host.ask()
    log = host.store.lease(host.log(), "x", 60.0)
    host.store.write(host.log(), "x", Write(log.revision, 1, [b"?"], 60.0))
    assert refusal(host.ask()) == LOST


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\u00e9", "a\tb"])
def test_malformed_keys_are_refused(key: str) -> None:
    response = Host().ask(key=key)
    assert refusal(response)[:2] == (400, "invalid_header")
    assert response.json is not None
    assert response.json["error"]["param"] == "Idempotency-Key"


def test_any_visible_characters_make_a_key() -> None:
    host = Host("one", "never")
    key = '"8e03978e-40d5-43dd-bc93-6894a57f9324"/~!'
    host.ask(key=key)
    assert host.ask(key=key).headers["Idempotency-Replayed"] == "true"
    assert host.ask(key="x" * 255).status_code == 200


def test_without_a_key_no_store_is_touched() -> None:
    host = Host("one")
    assert host.ask(key=None).status_code == 200
    assert host.service._keeper.peek() is None


def test_places_come_back() -> None:
    host = Host("one", ModelError("down"), model_retries=0, max_streams=1)
    for key in ("k1", "k1", "k2"):
        host.ask(key=key).get_data()
    host.ask(key="k3", n=2)
    wait_until(lambda: len(host.service.in_flight) == 0)
    assert len(host.service._keeper.get().leases) == 0


def leave_when_paid(host: Host, **fields: Any) -> bytes:
    """Reads a stream until the tool has run, and goes away. The model has nothing more to say until ``goes_on``."""
    response = host.ask(stream=True, tool_activity="events", **fields)
    pieces = []
    for piece in response.response:
        pieces.append(piece)
        if host.paid:
            break
    response.close()
    return b"".join(pieces)


def test_a_client_that_leaves_after_tools_finds_how_it_ended() -> None:
    host = Host()
    host.model._replies = [pays("tea"), [host.goes_on, "Done."]]
    begun = leave_when_paid(host)
    wait_until(lambda: not host.store.read(host.log()).leased)
    again = host.ask(stream=True, tool_activity="events")
    assert again.data.startswith(begun)
    error = collect_sse(again.data).error
    assert error is not None
    assert error["code"] == "client_disconnected"
    assert host.paid == ["tea"]
    host.goes_on.set()


def test_a_client_that_leaves_before_anything_was_done_may_come_back() -> None:
    host = Host()
    host.model._replies = [["hm", host.goes_on, "Done."], "Done."]
    response = host.ask(stream=True)
    next(iter(response.response))
    response.close()
    wait_until(lambda: len(host.service.in_flight) == 0)
    again = host.ask(stream=True)
    assert collect_sse(again.data).text == "Done."
    assert "Idempotency-Replayed" not in again.headers
    host.goes_on.set()


RETRY = {"x-stainless-retry-count": "1"}


def test_a_retry_by_itself_is_refused_once_the_run_has_acted() -> None:
    host = Host()
    host.model._replies = [pays("tea"), [host.goes_on, "Done."], "anew", "to bob"]
    leave_when_paid(host, key=None)
    host.goes_on.set()
    again = {"key": None, "stream": True, "tool_activity": "events"}
    for _ in range(2):
        assert refusal(host.ask(**again, headers=RETRY)) == (409, "run_already_started", "false")
    assert host.paid == ["tea"]
    assert host.ask(**again, headers={"x-stainless-retry-count": "0"}).status_code == 200
    assert host.ask(**again, who="bob", headers=RETRY).status_code == 200


def test_a_retry_is_refused_while_the_run_is_at_work() -> None:
    host = Host()
    thread = threading.Thread(target=lambda: host.ask(key=None, model="slow"))
    thread.start()
    assert host.entered.wait(5)
    assert refusal(host.ask(key=None, model="slow", headers=RETRY)) == (409, "run_already_started", "false")
    host.goes_on.set()
    thread.join(5)
    assert host.ask(key=None, model="slow", headers=RETRY).status_code == 200, "the client had its answer"


def test_a_retry_of_what_has_done_nothing_runs() -> None:
    host = Host()
    host.model._replies = [["hm", host.goes_on, "Done."], "Done."]
    response = host.ask(key=None, stream=True)
    next(iter(response.response))
    response.close()
    assert host.ask(key=None, stream=True, headers=RETRY).status_code == 200
    host.goes_on.set()
