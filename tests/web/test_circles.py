"""What a turn leaves to the garbage collector: nothing of ours, however it ends."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from flask_agent_api import create_app
from flask_agent_api.testing import CLOSE
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import gate
from tests.support import QUESTION

TEAM = """\
agents:
  root: {model: fake, instruction: Answer., fallback: {models: [other]}}
models:
  fake: {provider: openai, model: m, base_url: "%(url)s"}
  other: {provider: openai, model: n, base_url: "%(url)s"}
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def client(tmp_path: Path, upstream: FakeUpstream) -> FlaskClient:
    upstream.reset()
    team = tmp_path / "team.yaml"
    team.write_text(TEAM % {"url": upstream.url})
    return create_app({"AGENT_API_AGENTS": [str(team)], "AGENT_API_MODEL_RETRIES": 0}).test_client()


def ask(client: FlaskClient, status: int = 200, *, leave: bool = False) -> None:
    """One streamed turn, which is left after its first bytes or read to its end."""
    response = client.post("/v1/chat/completions", json={**QUESTION, "stream": True}, buffered=False)
    assert response.status_code == status, response.get_data(as_text=True)
    pieces = iter(response.response)
    assert next(pieces)
    if not leave:
        list(pieces)
    response.close()


def answered(client: FlaskClient, upstream: FakeUpstream) -> None:
    upstream.text("Good ", "morning.")
    ask(client)


def cut_off(client: FlaskClient, upstream: FakeUpstream) -> None:
    upstream.stream("Good ", CLOSE)
    ask(client)


def refused(client: FlaskClient, upstream: FakeUpstream) -> None:
    upstream.error(400)
    upstream.error(400)
    ask(client, 502)


def answered_by_the_second_model(client: FlaskClient, upstream: FakeUpstream) -> None:
    upstream.error(500)
    upstream.text("Good morning.")
    ask(client)


def refused_by_two_models(client: FlaskClient, upstream: FakeUpstream) -> None:
    upstream.error(500)
    upstream.error(429)
    ask(client, 502)


def left(client: FlaskClient, upstream: FakeUpstream) -> None:
    upstream.stream("Good ", gate("never"), "morning.")
    ask(client, leave=True)
    upstream.wait(aborted=1)


@pytest.mark.parametrize(
    "turn", [answered, cut_off, refused, answered_by_the_second_model, refused_by_two_models, left]
)
def test_a_turn_leaves_nothing_to_the_garbage_collector(
    turn: Callable[[FlaskClient, FakeUpstream], None], client: FlaskClient, upstream: FakeUpstream
) -> None:
    turn(client, upstream)  # the first one imports, and fills caches
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        turn(client, upstream)
        gc.collect()
        assert [name for name in map(_ours, gc.garbage) if name] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def _ours(garbage: object) -> str:
    """What it is, if it is an object, a function or a frame of ours; else nothing."""
    if inspect.isframe(garbage):
        of = garbage.f_globals.get("__name__", "")
        return f"frame of {garbage.f_code.co_name}" if of.startswith("flask_agent_api.") else ""
    of = garbage.__module__ if inspect.isfunction(garbage) else type(garbage).__module__
    return repr(garbage) if of.startswith("flask_agent_api.") else ""
