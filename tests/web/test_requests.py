"""What a client may send: passed on, refused, or ignored and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_agent_api import AgentAPI
from flask_agent_api import RunContext
from flask_agent_api import RunRequest
from flask_agent_api.params import PARAMS
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.web.fields import header_value
from flask_agent_api.web.fields import IGNORED
from flask_agent_api.web.fields import OURS
from flask_agent_api.web.fields import REFUSED
from flask_agent_api.web.schemas import ChatRequest
from tests.support import QUESTION

IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
FILE = {"type": "file", "file": {"file_id": "f-1"}}
TEXT = {"type": "text", "text": "What is this?"}


def make_client(**config: Any) -> FlaskClient:
    app = Flask("host")
    app.config.update({f"AGENT_API_{name.upper()}": value for name, value in config.items()})
    api = AgentAPI(app, agents=[])

    @api.agent("echo")
    def echo(request: RunRequest, ctx: RunContext) -> str:
        return json.dumps(dict(request.params))

    @api.agent("other")
    def other(request: RunRequest, ctx: RunContext) -> str:
        ctx.ignored.append("of the run")
        ctx.ignored += ["tools", "seed"]
        return json.dumps(dict(request.params))

    return app.test_client()


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return make_client()


def ask(client: FlaskClient, **fields: Any) -> TestResponse:
    return client.post("/v1/chat/completions", json={**QUESTION, **fields})


def params(response: TestResponse) -> Any:
    return json.loads(response.get_json()["choices"][0]["message"]["content"])


def refused(response: TestResponse) -> tuple[int, str, str]:
    error = response.get_json()["error"]
    return response.status_code, error["param"], error["code"]


@pytest.mark.parametrize("stream", [False, True])
def test_ignored_fields_are_named_on_both_forms(client: FlaskClient, stream: bool) -> None:
    sent = {"store": True, "metadata": {"a": "b"}, "temprature": 1, "temperature": 1}
    response = ask(client, stream=stream, **sent)
    assert response.status_code == 200
    assert response.headers["X-Agent-Ignored"] == "metadata, store, temprature"


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_each_ignored_field_is_named(client: FlaskClient, name: str) -> None:
    assert ask(client, **{name: {"any": ["thing"]}}).headers["X-Agent-Ignored"] == name


@pytest.mark.parametrize("name", sorted(IGNORED))
@pytest.mark.parametrize("value", [None, False])
def test_what_asks_for_nothing_is_not_named(client: FlaskClient, name: str, value: object) -> None:
    assert "X-Agent-Ignored" not in ask(client, **{name: value}).headers


def test_empty_objects_ask_for_nothing_but_for_a_web_search(client: FlaskClient) -> None:
    fields = {"metadata": {}, "web_search_options": {}, "prediction": {}, "unheard_of": []}
    assert ask(client, **fields).headers["X-Agent-Ignored"] == "web_search_options"


def test_obfuscation_is_named_when_asked_for(client: FlaskClient) -> None:
    sent = {"include_usage": True, "include_obfuscation": True}
    assert ask(client, stream_options=sent).headers["X-Agent-Ignored"] == "stream_options.include_obfuscation"
    assert "X-Agent-Ignored" not in ask(client, stream_options={"include_obfuscation": False}).headers


def test_names_that_would_do_harm_in_a_header_stay_out_of_it(client: FlaskClient) -> None:
    response = ask(client, **{"a\r\nSet-Cookie: x": 1, "é": 1, "": 1, "a b": 1, "x" * 81: 1, "fine": 1})
    assert response.headers["X-Agent-Ignored"] == "fine"
    assert "Set-Cookie" not in response.headers
    assert len(header_value([f"n{number}" for number in range(1000)]).split(", ")) == 20


def test_what_a_run_ignores_is_named_too(client: FlaskClient) -> None:
    response = ask(client, model="other", store=True, seed=1)
    assert response.headers["X-Agent-Ignored"] == "store, tools, seed"


def test_pinned_parameters_win_and_say_so() -> None:
    client = make_client(params={"temperature": 0, "max_tokens": 5}, agent_options={"other": {"params": {}}})
    response = ask(client, temperature=1, max_completion_tokens=9, top_p=1, seed=None)
    assert params(response) == {"temperature": 0, "max_tokens": 5, "top_p": 1}
    assert response.headers["X-Agent-Ignored"] == "temperature, max_completion_tokens"
    assert "X-Agent-Ignored" not in ask(client, temperature=0).headers
    assert params(ask(client, model="other", temperature=1)) == {"temperature": 1}


def test_forbidden_parameters_are_refused() -> None:
    client = make_client(forbid_params="seed,max_tokens", agent_options={"other": {"forbid_params": ["stop"]}})
    assert refused(ask(client, seed=0)) == (400, "seed", "forbidden_parameter")
    assert refused(ask(client, seed=0, stream=True)) == (400, "seed", "forbidden_parameter")
    assert refused(ask(client, max_completion_tokens=1)) == (400, "max_completion_tokens", "forbidden_parameter")
    assert ask(client, seed=None, max_tokens=0, stop="x").status_code == 200
    assert refused(ask(client, model="other", stop="x")) == (400, "stop", "forbidden_parameter")
    assert ask(client, model="other", seed=0).status_code == 200


def test_forbidden_content_is_refused_by_its_place() -> None:
    client = make_client(forbid_params="image_url")
    messages = [*QUESTION["messages"], {"role": "user", "content": [TEXT, IMAGE]}]
    assert refused(ask(client, messages=messages)) == (400, "messages[1].content[1]", "forbidden_parameter")
    audio = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    assert ask(client, messages=[{"role": "user", "content": [TEXT, audio]}]).status_code == 200


def test_forbidden_and_pinned_is_the_agents_own_business() -> None:
    client = make_client(forbid_params="seed", params={"seed": 7})
    assert params(ask(client)) == {"seed": 7}
    assert refused(ask(client, seed=7)) == (400, "seed", "forbidden_parameter")


TEAM = """
agents: {root: {model: m, instruction: Lead., toolsets: [{type: think}]}}
models: {m: {provider: openai, model: m, base_url: "%s", token_key: NOT_SET}}
"""


def test_everything_reaches_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOT_SET", "key")
    asked: dict[str, Any] = {
        "temperature": 0.5, "top_p": 0.5, "max_tokens": 5, "stop": ["a", "b"], "seed": 7, "frequency_penalty": -1,
        "presence_penalty": 1, "logit_bias": {"5": -100}, "reasoning_effort": "high", "verbosity": "low",
        "response_format": {"type": "json_object"}, "service_tier": "flex", "safety_identifier": "s", "user": "u",
        "prompt_cache_key": "k", "parallel_tool_calls": False,
    }  # fmt: skip
    messages = [
        {"role": "user", "content": [TEXT, IMAGE, AUDIO, FILE]},
        {"role": "developer", "content": " x\n"},
        *QUESTION["messages"],
    ]
    with FakeUpstream() as upstream:
        (tmp_path / "team.yaml").write_text(TEAM % upstream.url)
        client = make_app_of(tmp_path / "team.yaml")
        upstream.text("{}")
        assert ask(client, messages=messages, **asked).status_code == 200
        got = upstream.requests[-1].json
    assert {name: got[name] for name in asked} == asked
    assert got["messages"] == [
        {"role": "system", "content": got["messages"][0]["content"]}, messages[0],
        {"role": "system", "content": " x\n"}, *QUESTION["messages"],
    ]  # fmt: skip
    assert asked.keys() | {"max_completion_tokens"} == PARAMS.keys()


def make_app_of(source: Path) -> FlaskClient:
    app = Flask("host")
    AgentAPI(app, agents=source)
    return app.test_client()


def test_every_field_is_in_one_table() -> None:
    tables = [PARAMS, OURS, REFUSED, IGNORED]
    names = [name for table in tables for name in table]
    assert len(names) == len(set(names))
    assert ChatRequest.model_fields.keys() == {*PARAMS, *OURS, *REFUSED}, "tell web/fields.py what becomes of the field"
