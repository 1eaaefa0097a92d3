"""The table of model failures against a real server and a scripted provider, row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from flask_agent_api.models import failure_table as table
from flask_agent_api.models.failure_table import Failure
from flask_agent_api.testing import black_hole
from flask_agent_api.testing import CLOSE
from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import HANG
from flask_agent_api.testing import RESET

from ..ports import free_port
from ..support import RawClient
from ..support import Server

pytestmark = pytest.mark.wire

APP = """
import logging
from flask_agent_api.models import retry
from flask_agent_api.wsgi import app

logging.getLogger("flask_agent_api.models").setLevel(logging.INFO)
retry._FIRST_DELAY = 0.01
"""
KEY = "sk-canary-0123456789"
Script = Callable[[FakeUpstream], None]


def status(number: int, message: str = "no", code: str | None = None, **headers: str) -> Script:
    return lambda up: up.error(number, message, code, **headers)


def event(**fields: object) -> Script:
    """An error object in the stream, before any text."""
    return lambda up: up.stream({"error": {"message": "no", **fields}}, finish=None)


def nothing(up: FakeUpstream) -> None:
    """The agent's model is elsewhere."""


CASES: list[tuple[Failure, str, Script]] = [
    *[(table.REJECTED, str(number), status(number)) for number in (400, 418, 422)],
    (table.TOO_LONG, "code", status(400, code="context_length_exceeded")),
    (table.TOO_LONG, "words", status(413, "This model's maximum context length is 8 tokens")),
    (table.FILTERED, "code", status(400, code="content_filter")),
    (table.FILTERED, "event", event(code="content_policy_violation")),
    (table.BAD_IMAGE, "code", status(400, code="invalid_image_url")),
    (table.BAD_IMAGE, "words", status(400, "messages.0.content.1.image: Could not process image")),
    (table.UNAUTHORIZED, "401", status(401)),
    (table.UNAUTHORIZED, "event", event(type="authentication_error")),
    (table.FORBIDDEN, "403", status(403)),
    (table.NOT_FOUND, "404", status(404)),
    (table.LIMITED, "429", status(429, Retry_After="0.02")),
    (table.LIMITED, "409", status(409)),
    (table.LIMITED, "event", event(code="rate_limit_exceeded")),
    (table.OUT_OF_QUOTA, "402", status(402)),
    (table.OUT_OF_QUOTA, "429", status(429, code="insufficient_quota")),
    (table.REDIRECT, "302", lambda up: up.answer(b"", 302, {"Location": "http://127.0.0.2/v1/chat/completions"})),
    *[(table.BROKEN, str(number), status(number)) for number in (500, 502)],
    (table.BROKEN, "event", event(type="server_error")),
    *[(table.OVERLOADED, str(number), status(number)) for number in (503, 529)],
    (table.OVERLOADED, "event", event(type="overloaded_error")),
    *[(table.SLOW, str(number), status(number)) for number in (408, 504)],
    (table.UNEXPECTED, "204", lambda up: up.answer(b"", 204)),
    (table.UNEXPECTED, "event", event()),
    (table.UNREACHABLE, "closed port", nothing),
    (table.NO_CONNECTION, "black hole", nothing),
    (table.NO_ANSWER, "half a head", lambda up: up.reply(b"HTTP/1.1 200 OK\r\n", HANG)),
    (table.STALLED, "no token", lambda up: up.stream(HANG)),
    (table.CUT, "reset", lambda up: up.reply(RESET)),
    (table.CUT, "closed", lambda up: up.reply(CLOSE)),
    (table.CUT, "closed behind the head", lambda up: up.stream(CLOSE)),
    (table.UNREADABLE, "html", lambda up: up.answer(b"<html>", content_type="text/html")),
    (table.UNREADABLE, "no json", lambda up: up.answer(b"{nonsense")),
    (table.UNREADABLE, "no json in the stream", lambda up: up.stream(b"data: {nonsense\n\n")),
    (table.UNREADABLE, "no http", lambda up: up.reply(b"SSH-2.0-hello\r\n", CLOSE)),
    (table.EMPTY, "no event", lambda up: up.stream(finish=None, done=False)),
    (table.TRUNCATED, "no finish_reason", lambda up: up.stream("", finish=None)),
    (table.TRUNCATED, "no end", lambda up: up.stream("", finish=None, done=False)),
]
AGENTS = {table.UNREACHABLE: "closed", table.NO_CONNECTION: "hole"}
LATE: list[tuple[Failure, str, Script]] = [
    (table.STALLED, "hang", lambda up: up.stream("half an ", HANG)),
    (table.CUT, "reset", lambda up: up.stream("half an ", RESET)),
    (table.CUT, "closed", lambda up: up.stream("half an ", CLOSE)),
    (table.UNREADABLE, "no json", lambda up: up.stream("half an ", b"data: {nonsense\n\n")),
    (table.LIMITED, "event", lambda up: up.stream("half an ", {"error": {"code": "rate_limit_exceeded"}})),
    (table.OVERLOADED, "event", lambda up: up.stream("half an ", {"error": {"code": 503}}, finish=None, done=False)),
    (table.TRUNCATED, "no finish_reason", lambda up: up.stream("half an ", finish=None)),
    (table.TRUNCATED, "no end", lambda up: up.stream("half an ", finish=None, done=False)),
]


@pytest.fixture(autouse=True)
def _fresh(upstream: FakeUpstream) -> None:
    upstream.reset()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    """Tries a model call once more, soon."""
    with ExitStack() as stack:
        urls = {"root": upstream.url, "closed": f"http://127.0.0.1:{free_port()}/v1"}
        urls["hole"] = stack.enter_context(black_hole())
        agents = {name: {"model": name, "description": "Fails", "instruction": "Fail."} for name in urls}
        models = {name: {"provider": "openai", "model": "gpt", "base_url": url} for name, url in urls.items()}
        env = {
            "OPENAI_API_KEY": KEY,
            "FLASK_AGENT_API_AGENTS": "team.yaml",
            "FLASK_AGENT_API_MODEL_RETRIES": "1",
            "FLASK_AGENT_API_MODEL_FAILURES": "0",
            "FLASK_AGENT_API_MODEL_CONNECT_TIMEOUT": "0.2",
            "FLASK_AGENT_API_MODEL_FIRST_BYTE_TIMEOUT": "0.25",
            "FLASK_AGENT_API_MODEL_IDLE_TIMEOUT": "0.25",
        }
        files = {"team.yaml": json.dumps({"agents": agents, "models": models}), "app.py": APP}
        running = stack.enter_context(Server(tmp_path_factory.mktemp("table"), files, env=env))
        yield running
        assert KEY not in running.log


@pytest.fixture
def client(server: Server) -> Iterator[RawClient]:
    """One connection for all requests of a test: a failure leaves it usable."""
    with RawClient(server.port) as connected:
        yield connected


def each(cases: list[tuple[Failure, str, Script]]) -> pytest.MarkDecorator:
    ids = [f"{row.name}: {what}" for row, what, _ in cases]
    return pytest.mark.parametrize(("row", "script"), [(row, script) for row, _, script in cases], ids=ids)


def test_every_row_is_played() -> None:
    assert {row.name for row, _, _ in CASES} == {row.name for row in table.TABLE}


@pytest.mark.parametrize("stream", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["stream", "whole"])
@each(CASES)
def test_failure_before_the_first_token(
    server: Server, upstream: FakeUpstream, client: RawClient, row: Failure, script: Script, stream: bool
) -> None:
    """Status and code are the row's, streamed or not, after as many attempts as the row says."""
    agent, repeated = AGENTS.get(row, "root"), server.log.count("attempt 1 failed")
    for _ in range(1 + row.retry):
        script(upstream)
    client.post(stream, model=agent)
    response = client.response()
    error = json.loads(response.read())["error"]
    assert (response.status, error["code"]) == (row.error.status, row.code)
    assert response.getheader("X-Should-Retry") == ("false" if row.final else None)
    assert server.log.count("attempt 1 failed") - repeated == row.retry
    if agent == "root":
        assert len(upstream.requests) == 1 + row.retry


@each([case for case in CASES if case[0].retry and case[0] not in AGENTS])
def test_failure_that_passes_is_not_noticed(
    upstream: FakeUpstream, client: RawClient, row: Failure, script: Script
) -> None:
    script(upstream)
    upstream.text("recovered")
    client.post(stream=True)
    answer = collect_sse(client.response().read())
    assert (answer.text, answer.finish_reason) == ("recovered", "stop")
    assert len(upstream.requests) == 2


@each(LATE)
def test_failure_after_the_first_token_is_never_tried_again(
    upstream: FakeUpstream, client: RawClient, row: Failure, script: Script
) -> None:
    script(upstream)
    client.post(stream=True)
    answer = collect_sse(client.response().read())
    assert (answer.text, answer.error and answer.error["code"]) == ("half an ", row.code)
    script(upstream)
    client.post()
    response = client.response()
    assert (response.status, json.loads(response.read())["error"]["code"]) == (row.error.status, row.code)
    assert len(upstream.requests) == 2


def test_wait_that_the_provider_asks_for_is_passed_on(upstream: FakeUpstream, client: RawClient) -> None:
    """It is too long for us to wait."""
    upstream.error(429, Retry_After="30.5")
    client.post(stream=True)
    response = client.response()
    assert (response.status, response.getheader("Retry-After"), len(upstream.requests)) == (429, "31", 1)


def test_redirect_to_another_host_is_not_followed(upstream: FakeUpstream, client: RawClient) -> None:
    with FakeUpstream() as other:
        upstream.answer(b"", 307, {"Location": f"{other.url}/chat/completions"})
        client.post(stream=True)
        assert client.response().status == 502
        assert other.connections == 0
