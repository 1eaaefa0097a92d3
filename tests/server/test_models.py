"""Models of a team's file that are several, over a gunicorn gevent worker."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import Stream

from ..support import RawClient
from ..support import Server

pytestmark = pytest.mark.slow

TEAM = """
models:
  first: {provider: openai, model: first, base_url: URL}
  second: {provider: openai, model: second, base_url: URL}
  router:
    provider: openai
    model: otherwise
    base_url: URL
    routing:
      - {model: first, examples: [debug my code]}
      - {model: "second,nowhere/x", examples: [write a poem]}
agents:
  root:
    model: first
    description: Falls back
    fallback: {models: [second], retries: -1, cooldown: 1h}
  routed:
    model: router
    description: Picks
  typed:
    model: first
    description: Answers in JSON
    structured_output: {name: n, schema: {type: object, properties: {n: {type: integer}}, required: [n]}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Server]:
    files = {"team.yaml": TEAM.replace("URL", upstream.url), "app.py": "from flask_agent_api.wsgi import app"}
    env = {"OPENAI_API_KEY": "key", "FLASK_AGENT_API_AGENTS": "team.yaml"}
    with Server(tmp_path_factory.mktemp("models"), files, env=env) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(upstream: FakeUpstream) -> None:
    upstream.reset()


def ask(server: Server, agent: str, text: str = "hi") -> Stream:
    with RawClient(server.port) as client:
        client.post(stream=True, model=agent, messages=[{"role": "user", "content": text}])
        return collect_sse(client.response().read())


def asked(upstream: FakeUpstream) -> list[str]:
    """The models that were called."""
    return [request.json["model"] for request in upstream.requests]


def test_a_limited_model_is_followed_by_the_next_and_left_in_peace(server: Server, upstream: FakeUpstream) -> None:
    upstream.error(429, Retry_After="3600")
    upstream.text("one")
    upstream.text("two")
    assert [ask(server, "root").text, ask(server, "root").text] == ["one", "two"]
    assert asked(upstream) == ["first", "second", "second"]


def test_an_answer_that_breaks_off_is_not_begun_anew(server: Server, upstream: FakeUpstream) -> None:
    upstream.stream("half an ", {"error": {"code": 500}}, finish=None, done=False)
    answer = ask(server, "root")
    assert (answer.text, answer.error and answer.error["code"]) == ("half an ", "upstream_error")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("text", "model"), [("Debug this", "first"), ("a poem, please", "second"), ("What is the time?", "otherwise")]
)
def test_a_rule_picks_the_model(server: Server, upstream: FakeUpstream, text: str, model: str) -> None:
    upstream.text("ok")
    assert ask(server, "routed", text).text == "ok"
    assert asked(upstream) == [model]


def test_an_agent_answers_in_its_own_format(server: Server, upstream: FakeUpstream) -> None:
    upstream.text('```json\n{"n":', " 3}\n```")
    answer = ask(server, "typed")
    assert json.loads(answer.text) == {"n": 3}
    assert upstream.requests[0].json["response_format"]["json_schema"]["name"] == "n"
    upstream.text("three")
    with RawClient(server.port) as client:
        client.post(stream=True, model="typed")
        response = client.response()
        assert (response.status, json.loads(response.read())["error"]["code"]) == (502, "invalid_structured_output")
