"""Answers that outlive connections and workers: two servers with one store, as on two machines."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from flask_agent_api.testing import collect_sse

from ..support import RawClient
from ..support import Server
from ..waiting import wait_until

ALICE, BOB = "alice-0123456789abcdef", "bob-0123456789abcdef"

AGENTS = """
import time
from pathlib import Path


def gated(messages):
    name = messages[-1]["content"]
    with Path(name + ".begun").open("a") as file:
        file.write(".")
    yield "begun "
    try:
        while not Path(name + ".goes-on").exists():
            time.sleep(0.01)
        yield "and "
        yield "ended"
    finally:
        Path(name + ".over").touch()


def impatient(messages):
    yield from gated(messages)


def flood(messages):
    try:
        while True:
            yield "x" * 50_000
            time.sleep(0)
    finally:
        Path("flood.over").touch()


agents = [gated, impatient, flood]
"""
ENV = {
    "FLASK_AGENT_API_AGENTS": "agents_of_mine:agents",
    "FLASK_AGENT_API_KEYS": f"{ALICE},{BOB}",
    "FLASK_AGENT_API_STATUS_WAIT": "0.5",
    "FLASK_AGENT_API_KEEP_ALIVE": "0.3",
    "FLASK_AGENT_API_DRAIN_TIMEOUT": "1",
    "FLASK_AGENT_API_AGENT_OPTIONS": '{"impatient": {"run_timeout": 1}, "flood": {"run_timeout": 1}}',
}


def serve(folder: Path, *options: str) -> Server:
    env = {**ENV, "FLASK_AGENT_API_STORE": f"sqlite:///{folder}/store.sqlite3"}
    files = {"agents_of_mine.py": AGENTS}
    return Server(folder, files, *options, app="flask_agent_api.wsgi:app", env=env)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("detached")


@pytest.fixture(scope="module")
def here(folder: Path) -> Iterator[Server]:
    with serve(folder) as server:
        yield server


@pytest.fixture(scope="module")
def there(folder: Path) -> Iterator[Server]:
    with serve(folder) as server:
        yield server


class Asking:
    """One client with a request for the gated agent; ``name`` is its key, and that of the gate."""

    def __init__(self, server: Server, name: str, *headers: str, who: str = ALICE, detach: bool = True, **fields: Any):
        self.client = RawClient(server.port, timeout=30)
        wants = ["X-Agent-On-Disconnect: detach"] if detach else []
        keyed = [f"Idempotency-Key: {name}", *wants, *headers]
        body = {"messages": [{"role": "user", "content": name}], "model": "gated", "stream": True, **fields}
        path = "/v1/chat/completions"
        self.client.send("POST", path, f"Authorization: Bearer {who}", *keyed, body=json.dumps(body).encode())

    def __enter__(self) -> Asking:
        self.response = self.client.response()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.sock.close()

    def until(self, text: bytes) -> bytes:
        """What arrives until ``text`` has; comments left out."""
        received = b""
        while text not in received:
            piece = self.response.read1(65_536)
            assert piece, received
            received += piece
        return received.replace(b": keep-alive\n\n", b"")

    def leave(self) -> None:
        """Goes away, as a client does that is killed."""
        self.response.close()
        self.client.reset()

    def rest(self) -> bytes:
        return self.response.read().replace(b": keep-alive\n\n", b"")


def post(server: Server, path: str, who: str = ALICE) -> tuple[int, Any]:
    with RawClient(server.port) as client:
        client.send("POST", f"/v1{path}", f"Authorization: Bearer {who}", "Content-Length: 0")
        response = client.response()
        return response.status, json.loads(response.read())


def begun(folder: Path, name: str) -> int:
    path = folder / f"{name}.begun"
    return len(path.read_text()) if path.exists() else 0


def test_a_run_goes_on_without_its_client_who_comes_back_elsewhere(folder: Path, here: Server, there: Server) -> None:
    with Asking(here, "resumed") as asking:
        first = asking.until(b"begun")
        asking.leave()
    assert first.startswith(b"id: 1\ndata: ")
    with Asking(there, "resumed", "Last-Event-ID: 1") as asking, Asking(there, "resumed") as whole:
        assert (asking.response.status, asking.response.headers["Idempotency-Replayed"]) == (200, "true")
        assert asking.response.headers["X-Agent"] == "gated"
        assert asking.until(b"begun").startswith(b"id: 2\ndata: ")
        (folder / "resumed.goes-on").touch()
        assert asking.rest().endswith(b"data: [DONE]\n\n")
        followed = whole.rest()
    stream = collect_sse(followed)
    assert stream.text == "begun and ended"
    assert stream.event_ids == list(range(1, len(stream.event_ids) + 1))
    assert followed.startswith(first)
    for server, after in ((here, 0), (there, 3)):
        with Asking(server, "resumed", f"Last-Event-ID: {after}") as asking:
            replay = asking.rest()
            assert followed.endswith(replay)
            assert replay.startswith(b"id: %d\n" % (after + 1))
    assert begun(folder, "resumed") == 1


def test_the_client_that_stays_gets_all_of_it(folder: Path, here: Server) -> None:
    with Asking(here, "stays") as asking:
        received = asking.until(b"begun")
        (folder / "stays.goes-on").touch()
        received += asking.rest()
    assert collect_sse(received).text == "begun and ended"
    with Asking(here, "stays") as asking:
        assert asking.rest() == received


def test_by_default_a_run_ends_with_its_client(folder: Path, here: Server, there: Server) -> None:
    with Asking(here, "left", detach=False) as asking:
        asking.until(b"begun")
        asking.leave()
    wait_until((folder / "left.over").exists)

    def ended() -> bool:
        with Asking(there, "left", detach=False) as again:
            body = again.rest()
            return b"idempotency_in_progress" not in body and collect_sse(body).error is not None

    wait_until(ended)
    with Asking(there, "left", detach=False) as again:
        assert code_at_the_end(again.rest()) == "client_disconnected"
    assert begun(folder, "left") == 1


def test_a_whole_answer_is_waited_for_elsewhere(folder: Path, here: Server, there: Server) -> None:
    lost = Asking(here, "whole", stream=False)
    wait_until(lambda: begun(folder, "whole"))
    lost.client.reset()
    waiting = Asking(there, "whole", stream=False)
    time.sleep(0.3)
    (folder / "whole.goes-on").touch()
    with waiting:
        assert waiting.response.status == 200
        assert json.loads(waiting.rest())["choices"][0]["message"]["content"] == "begun and ended"
    assert begun(folder, "whole") == 1


def test_a_run_without_a_reader_keeps_to_its_deadline(folder: Path, here: Server, there: Server) -> None:
    with Asking(here, "late", model="impatient") as asking:
        asking.until(b"begun")
        asking.leave()
    with Asking(there, "late", model="impatient") as asking:
        assert code_at_the_end(asking.rest()) == "run_timeout"
    assert (folder / "late.over").exists()


@pytest.mark.parametrize("detach", [True, False])
def test_a_client_that_does_not_read_does_not_prolong_a_run(folder: Path, here: Server, detach: bool) -> None:
    (folder / "flood.over").unlink(missing_ok=True)
    with Asking(here, f"flood-{detach}", model="flood", detach=detach) as asking:
        wait_until((folder / "flood.over").exists)
        assert code_at_the_end(asking.rest()) == "run_timeout"


def test_without_a_key_a_detached_run_is_still_kept_in_its_conversation(folder: Path, here: Server) -> None:
    def ask(text: str, *headers: str) -> RawClient:
        client = RawClient(here.port)
        body = {"messages": [{"role": "user", "content": text}], "model": "gated", "stream": True}
        named = [f"Authorization: Bearer {ALICE}", "X-Conversation-Id: kept", *headers]
        client.send("POST", "/v1/chat/completions", *named, body=json.dumps(body).encode())
        return client

    client = ask("keyless", "X-Agent-On-Disconnect: detach")
    client.response()
    client.reset()
    (folder / "keyless.goes-on").touch()

    def kept() -> bool:
        with RawClient(here.port) as client:
            client.send("GET", "/v1/conversations/kept", f"Authorization: Bearer {ALICE}")
            response = client.response()
            return b"begun and ended" in response.read()

    wait_until(kept)


def code_at_the_end(stream: bytes) -> str:
    error = collect_sse(stream).error
    assert error is not None
    return str(error["code"])


def test_runs_are_cancelled_from_elsewhere(folder: Path, here: Server, there: Server) -> None:
    """By the key of a request, or by the conversation that is worked on."""
    talk = Asking(here, "talk", "X-Conversation-Id: talk", detach=False)
    with Asking(here, "cancelled") as asking, talk:
        received, said = asking.until(b"begun"), talk.until(b"begun")
        for path in ("/runs/cancelled/cancel", "/conversations/talk/cancel"):
            assert post(there, path, who=BOB)[0] == 404
        assert post(there, "/conversations/talk/cancel?model=impatient")[0] == 404
        accepted = {"id": "cancelled", "object": "run", "status": "cancelling"}
        assert post(there, "/runs/cancelled/cancel") == (202, accepted)
        assert post(there, "/conversations/talk/cancel") == (202, accepted | {"id": "talk"})
        assert code_at_the_end(received + asking.rest()) == "run_cancelled"
        assert code_at_the_end(said + talk.rest()) == "run_cancelled"
    for path in ("/runs/cancelled/cancel", "/conversations/talk/cancel"):
        assert post(there, path)[1]["error"]["code"] == "run_not_found"
    with Asking(there, "cancelled") as asking:
        assert code_at_the_end(asking.rest()) == "run_cancelled"


def test_a_run_is_cancelled_by_its_request_id(folder: Path, here: Server) -> None:
    with Asking(here, "by-id", "X-Request-Id: my-request", detach=False) as asking:
        asking.until(b"begun")
        assert post(here, "/runs/my-request/cancel", who=BOB)[0] == 404
        assert post(here, "/runs/my-request/cancel")[0] == 202
        assert b'"code":"run_cancelled"' in asking.rest()


@pytest.mark.parametrize("key", [None, "sdk-key"])
def test_the_sdk_tries_again_and_nothing_is_done_twice(
    folder: Path, here: Server, sdk: openai.OpenAI, key: str | None
) -> None:
    name = f"sdk-{key}"
    client = sdk.with_options(base_url=here.url, api_key=ALICE, max_retries=1, timeout=0.4)
    headers = {"Idempotency-Key": key} if key else {}
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(
            model="gated", messages=[{"role": "user", "content": name}], extra_headers=headers
        )
    assert caught.value.code == ("client_disconnected" if key else "run_already_started")
    assert begun(folder, name) == 1


@pytest.mark.slow
def test_a_worker_that_dies_ends_what_others_follow(tmp_path: Path) -> None:
    with serve(tmp_path) as dies, serve(tmp_path) as lives:
        with Asking(dies, "killed") as asking:
            asking.until(b"begun")
            with Asking(lives, "killed") as follower:
                received = follower.until(b"begun")
                os.killpg(dies.pid, signal.SIGKILL)
                assert code_at_the_end(received + follower.rest()) == "run_interrupted"
        with Asking(lives, "killed") as again:
            assert again.response.status == 409
            assert again.response.headers["X-Should-Retry"] == "false"
    assert begun(tmp_path, "killed") == 1


@pytest.mark.slow
@pytest.mark.parametrize("in_time", [True, False])
def test_a_worker_that_is_told_to_end_waits_for_detached_runs(tmp_path: Path, in_time: bool) -> None:
    with serve(tmp_path) as ends, serve(tmp_path) as stays:
        with Asking(ends, "drained") as asking:
            asking.until(b"begun")
            asking.leave()
        os.killpg(ends.pid, signal.SIGTERM)
        if in_time:
            (tmp_path / "drained.goes-on").touch()
        with Asking(stays, "drained") as asking:
            stream = collect_sse(asking.rest())
        assert ends._process.wait(10) == 0
        if in_time:
            assert stream.text == "begun and ended"
        else:
            assert stream.error is not None
            assert stream.error["code"] == "server_shutting_down"


@pytest.mark.slow
def test_a_worker_that_has_served_enough_waits_for_detached_runs(tmp_path: Path) -> None:
    """It is replaced by another, of which the next request is."""
    with serve(tmp_path, "--max-requests", "1") as server:
        with Asking(server, "last") as asking:
            asking.until(b"begun")
            asking.leave()
        wait_until(lambda: "Autorestarting" in server.log)
        wait_until(lambda: "Worker exiting" in server.log)
        (tmp_path / "last.goes-on").touch()
        with Asking(server, "last") as asking:
            assert collect_sse(asking.rest()).text == "begun and ended"
    assert begun(tmp_path, "last") == 1
