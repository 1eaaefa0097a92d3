"""The endpoints as a WSGI client sees them: shapes, statuses, headers."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openai.types import Model
from openai.types.chat import ChatCompletion
from openai.types.chat import ChatCompletionChunk
from werkzeug.test import TestResponse

from flask_agent_api import AgentAPI
from flask_agent_api import create_app
from flask_agent_api import RunContext
from flask_agent_api import RunRequest
from flask_agent_api.concurrency import sleep
from flask_agent_api.errors import ModelRateLimited
from flask_agent_api.testing import collect_sse
from flask_agent_api.types import AgentSwitched
from flask_agent_api.types import Batch
from flask_agent_api.types import Done
from flask_agent_api.types import Event
from flask_agent_api.types import ReasoningDelta
from flask_agent_api.types import TextDelta
from flask_agent_api.types import ToolCall
from flask_agent_api.types import ToolFinished
from flask_agent_api.types import ToolResult
from flask_agent_api.types import ToolStarted
from flask_agent_api.types import Usage
from tests.support import chunks
from tests.support import frames
from tests.support import QUESTION
from tests.support import text_of
from tests.waiting import wait_until

CALL = ToolCall("call_1", "search", '{"q": "x"}')
WORK: list[Event | str] = [
    ReasoningDelta("hm"),
    ToolStarted(CALL, "worker"),
    AgentSwitched("worker", "helper", "transfer"),
    TextDelta("not the answer", "helper", 1),
    Usage(1, 2, 0, 0),
    AgentSwitched("helper", "worker", "transfer_end"),
    ToolFinished(CALL, ToolResult("found \ud800 it"), 0.25, "worker"),
    "the ",
    TextDelta("answer", "worker"),
    Usage(10, 20, 3, 4),
]


class Text(str):
    """Text of a kind of its own, as template engines make it."""


def make_app(**config: Any) -> Flask:
    app = Flask("host")
    app.config.update({f"AGENT_API_{name.upper()}": value for name, value in config.items()})
    api = AgentAPI(app, agents=[])

    @api.agent("default", description="Says hello.")
    def default(messages: list[Any]) -> Iterator[str]:
        yield "Hello, "
        yield Text("wörld 😀\u2028\x00")

    @api.agent("team/worker é→")
    def worker(messages: list[Any]) -> Iterator[Batch]:
        yield [WORK[0]]
        yield WORK[1:4]
        yield WORK[4:]
        yield [Done("length")]

    @api.agent("split")
    def split(messages: list[Any]) -> Iterator[str]:
        yield "\ud83d"
        yield "\ude00"

    @api.agent("limited")
    def limited(messages: list[Any]) -> Iterator[Any]:
        raise ModelRateLimited("Slow down.", headers={"Retry-After": "7"})

    @api.agent("broken")
    def broken(messages: list[Any]) -> Iterator[Any]:
        raise ValueError("sk-secret")

    @api.agent("breaks")
    def breaks(messages: list[Any]) -> Iterator[Any]:
        yield from WORK
        raise ValueError("sk-secret")

    @api.agent("unshowable")
    def unshowable(messages: list[Any]) -> Iterator[Any]:
        yield "a"
        yield TextDelta(5)  # type: ignore[arg-type]
        yield "b"

    @api.agent("slow")
    def slow(messages: list[Any]) -> Iterator[Any]:
        sleep(0.3)
        yield "a"
        for _ in range(15):
            sleep(0.02)
            yield TextDelta("busy, but not with the answer", "helper", 1)
        yield "b"

    @api.agent("silent")
    def silent(messages: list[Any]) -> None:
        return None

    @api.agent("echo")
    def echo(request: RunRequest, ctx: RunContext) -> str:
        return json.dumps([list(request.messages), dict(request.params), request.model, ctx.run_id])

    return app


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return make_app(keep_alive=0.1, status_wait=0.1).test_client()


def ask(client: FlaskClient, model: str | None = None, **fields: Any) -> TestResponse:
    return client.post("/v1/chat/completions", json={**QUESTION, "model": model, **fields})


def completion(response: TestResponse) -> ChatCompletion:
    assert (response.status_code, response.mimetype) == (200, "application/json")
    return ChatCompletion.model_validate_json(response.get_data(), strict=True)


def stream(client: FlaskClient, model: str | None = None, **fields: Any) -> list[ChatCompletionChunk]:
    response = ask(client, model, stream=True, **fields)
    assert response.status_code == 200
    return chunks(response.get_data())


def assert_envelope(response: TestResponse, status: int, code: str | None = None) -> dict[str, Any]:
    assert (response.status_code, response.mimetype) == (status, "application/json"), response.get_data()
    body = response.get_json()
    assert body.keys() == {"error"}
    error: dict[str, Any] = body["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert code in {None, error["code"]}
    assert re.fullmatch(r"req_[0-9a-f]{32}", response.headers["X-Request-Id"])
    return error


def test_models_are_listed_in_order(client: FlaskClient) -> None:
    body = client.get("/v1/models").get_json()
    assert body["object"] == "list"
    models = [Model.model_validate(model, strict=True) for model in body["data"]]
    assert [model.id for model in models][:2] == ["default", "team/worker é→"]
    assert {model.owned_by for model in models} == {"flask-agent-api"}
    assert body["data"][0]["description"] == "Says hello."
    assert "description" not in body["data"][2]
    assert all(None not in model.values() and "pipeline" not in model for model in body["data"])


@pytest.mark.parametrize("path", ["team/worker é→", "team%2Fworker%20%C3%A9%E2%86%92"])
def test_one_model_by_its_name_with_slashes(client: FlaskClient, path: str) -> None:
    model = Model.model_validate_json(client.get(f"/v1/models/{path}").get_data(), strict=True)
    assert model.id == "team/worker é→"


def test_what_a_chat_ui_may_show_of_an_agent_stands_in_the_list(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text("""
agents:
  root:
    model: demo/demo
    welcome_message: Ask me!
    commands: {plan: {description: Makes a plan, instruction: Secret prompt}, fix: Fix it}
  helper: {model: demo/demo}
""")
    client = create_app({"AGENT_API_AGENTS": str(tmp_path), "AGENT_API_INSECURE_NO_AUTH": True}).test_client()
    root, helper = client.get("/v1/models").json["data"]  # type: ignore[index]
    assert root["welcome_message"] == "Ask me!"
    assert root["commands"] == [{"name": "plan", "description": "Makes a plan"}, {"name": "fix", "description": ""}]
    assert helper.keys() == {"id", "object", "created", "owned_by"}


@pytest.mark.parametrize("name", ["nope", "team", "default/", "team/worker", "a/../default"])
def test_model_that_does_not_exist(client: FlaskClient, name: str) -> None:
    assert assert_envelope(client.get(f"/v1/models/{name}"), 404, "model_not_found")["param"] == "model"


def test_whole_answer(client: FlaskClient) -> None:
    response = ask(client, "default")
    answer = completion(response)
    assert answer.choices[0].message.content == "Hello, wörld 😀\u2028\x00"
    assert answer.choices[0].finish_reason == "stop"
    body = response.get_json()
    assert body.keys() == {"id", "object", "created", "model", "choices"}
    assert body["choices"][0]["message"].keys() == {"role", "content", "refusal"}
    assert body["choices"][0]["logprobs"] is None


def test_whole_answer_of_an_agent_at_work(client: FlaskClient) -> None:
    answer = completion(ask(client, "team/worker é→"))
    assert answer.choices[0].message.content == "the answer"
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (11, 22, 33)
    events = (answer.model_extra or {})["agent_events"]
    assert [event["type"] for event in events] == ["tool_start", "agent_start", "agent_end", "tool_end"]
    assert "arguments" not in events[0]


def test_stream_has_role_first_and_once_then_text_then_finish(client: FlaskClient) -> None:
    response = ask(client, "gpt-4", stream=True)
    body = response.get_data()
    got = chunks(body)
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in got}) == 1
    assert got[0].model == "gpt-4"
    assert [chunk.choices[0].delta.role for chunk in got] == ["assistant"] + [None] * (len(got) - 1)
    assert got[0].choices[0].delta.content == ""
    assert text_of(got) == "Hello, wörld 😀\u2028\x00"
    assert [chunk.choices[0].finish_reason for chunk in got] == [None] * (len(got) - 1) + ["stop"]
    assert body.count(b"[DONE]") == 1
    assert b'"usage"' not in body
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-cache, no-transform"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert "Content-Length" not in response.headers


def test_streamed_activity_is_an_empty_chunk_and_never_a_tool_call(client: FlaskClient) -> None:
    got = stream(client, "team/worker é→")
    events = [chunk.model_extra["agent_event"] for chunk in got if chunk.model_extra]
    assert [event["type"] for event in events] == ["tool_start", "agent_start", "agent_end", "tool_end"]
    assert all(chunk.choices[0].delta.model_fields_set == set() for chunk in got if chunk.model_extra)
    assert all(chunk.choices[0].delta.tool_calls is None for chunk in got)
    assert text_of(got) == "the answer"
    assert got[-1].choices[0].finish_reason == "length"


def test_usage_chunk_only_on_request(client: FlaskClient) -> None:
    got = stream(client, "team/worker é→", stream_options={"include_usage": True})
    assert got[-1].choices == []
    assert got[-1].usage is not None
    assert got[-1].usage.total_tokens == 33
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in got[:-1])
    unknown = stream(client, "default", stream_options={"include_usage": True})
    assert unknown[-1].choices[0].finish_reason == "stop"


def test_preview_shows_arguments_and_results() -> None:
    client = make_app(activity_preview=7).test_client()
    events = ask(client, "team/worker é→").get_json()["agent_events"]
    assert events[0]["arguments"] == '{"q": "'
    streamed = [c.model_extra["agent_event"] for c in stream(client, "team/worker é→") if c.model_extra]
    assert streamed == events
    assert streamed[-1]["result"] == "found \ufffd"


@pytest.mark.parametrize("shown", [True, False])
def test_reasoning_is_shown_if_asked_for_and_a_batch_of_it_is_one_write(shown: bool) -> None:
    app = Flask("host")
    app.config["AGENT_API_SHOW_REASONING"] = shown
    api = AgentAPI(app, agents=[])

    @api.agent("thinks")
    def thinks(messages: list[Any]) -> Iterator[Batch]:
        yield [ReasoningDelta("h"), ReasoningDelta("m \ud800"), ReasoningDelta("a helper's", "helper", 1), "a"]
        yield ["b"]

    client = app.test_client()
    pieces = list(ask(client, stream=True).iter_encoded())
    stream = collect_sse(pieces)
    assert (stream.text, stream.reasoning) == ("ab", "hm \ufffd" if shown else "")
    assert {piece.count(b"reasoning_content") for piece in pieces} <= ({0, 2} if shown else {0})
    message = completion(ask(client)).choices[0].message
    assert (message.model_extra or {}).get("reasoning_content") == ("hm \ufffd" if shown else None)


@pytest.mark.parametrize("model", ["gpt-4", None, "", "../etc", "a\nb", "<script>", "é→", "default "])
def test_unknown_model_runs_the_default_and_is_echoed(client: FlaskClient, model: str | None) -> None:
    response = ask(client, model)
    assert completion(response).model == (model or "default")
    assert response.headers["X-Agent"] == "default"


def test_header_names_who_ran_in_ascii(client: FlaskClient) -> None:
    assert ask(client, "team/worker é→").headers["X-Agent"] == "team/worker %C3%A9%E2%86%92"


def test_unknown_model_can_be_an_error() -> None:
    client = make_app(unknown_model="error").test_client()
    for fields in ({"model": "gpt-4"}, {"model": None}, {"model": "gpt-4", "stream": True}):
        assert_envelope(ask(client, **fields), 404, "model_not_found")
    assert completion(ask(client, "default")).model == "default"


def test_halves_of_a_pair_in_two_events(client: FlaskClient) -> None:
    assert text_of(stream(client, "split")) == "\ufffd\ufffd"
    assert completion(ask(client, "split")).choices[0].message.content == "😀"


def test_agent_that_says_nothing(client: FlaskClient) -> None:
    assert completion(ask(client, "silent")).choices[0].message.content == ""
    assert len(stream(client, "silent")) == 2


@pytest.mark.parametrize("stream", [True, False])
def test_early_failure_keeps_its_status(client: FlaskClient, stream: bool) -> None:
    response = ask(client, "limited", stream=stream)
    error = assert_envelope(response, 429, "rate_limit_exceeded")
    assert (error["type"], response.headers["Retry-After"]) == ("rate_limit_error", "7")
    assert "X-Should-Retry" not in response.headers
    assert "sk-secret" not in str(assert_envelope(ask(client, "broken", stream=stream), 500, "internal_error"))


def test_late_failure_is_one_frame_and_the_end(client: FlaskClient) -> None:
    body = ask(client, "breaks", stream=True).get_data()
    assert collect_sse(body).error is not None
    *before, error, _ = frames(body)
    assert json.loads(error) == {
        "error": {
            "message": "The server had an internal error.", "type": "server_error", "param": None,
            "code": "internal_error",
        }
    }  # fmt: skip
    got = [ChatCompletionChunk.model_validate_json(each, strict=True) for each in before]
    assert all(choice.finish_reason is None for chunk in got for choice in chunk.choices)


def test_failure_after_tools_ran_is_not_to_be_repeated(client: FlaskClient) -> None:
    response = ask(client, "breaks")
    assert_envelope(response, 500, "internal_error")
    assert response.headers["X-Should-Retry"] == "false"


def test_event_that_cannot_be_shown_ends_the_stream_with_an_error(client: FlaskClient) -> None:
    error = collect_sse(ask(client, "unshowable", stream=True).get_data()).error
    assert error is not None
    assert error["code"] == "internal_error"
    assert_envelope(ask(client, "unshowable"), 500)


def test_silence_is_filled_with_comments_before_and_between(client: FlaskClient) -> None:
    parts = ask(client, "slow", stream=True).get_data().decode().split("\n\n")
    kinds = ["comment" if part.startswith(":") else "text" if '"content":"' in part else "" for part in parts]
    assert kinds[0] == "text"  # the role
    first, last = (index for index, part in enumerate(parts) if re.search(r'"content":"[ab]"', part))
    assert "comment" in kinds[1:first]
    assert "comment" in kinds[first + 1 : last]
    assert set(parts) & {": ping"} == set()


def test_dropped_stream_ends_its_run() -> None:
    app = Flask("host")
    api = AgentAPI(app, agents=[])
    ended = threading.Event()

    @api.agent("endless")
    def endless(messages: list[Any]) -> Iterator[str]:
        try:
            while True:
                yield "x"
        finally:
            ended.set()

    @app.after_request
    def maintenance(response: Any) -> Any:
        return app.make_response(("closed", 503))

    assert ask(app.test_client(), stream=True).status_code == 503
    wait_until(ended.is_set)


def test_what_the_agent_gets(client: FlaskClient) -> None:
    sent = [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "é"}]}]
    response = client.post(
        "/v1/chat/completions",
        json={"model": "echo", "messages": sent, "temperature": 0.5, "max_tokens": 0, "foo": 1},
        headers={"X-Request-Id": "my:id-1"},
    )
    assert json.loads(completion(response).choices[0].message.content or "") == [
        sent, {"temperature": 0.5}, "echo", "my:id-1",
    ]  # fmt: skip


@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "é", "<script>", "a,b"])
def test_request_id_of_another_shape_is_replaced(client: FlaskClient, sent: str) -> None:
    got = client.get("/v1/models", headers={"X-Request-Id": sent}).headers["X-Request-Id"]
    assert re.fullmatch(r"req_[0-9a-f]{32}", got)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        *((method, "/v1/models", "GET, HEAD, OPTIONS") for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE")),
        *((method, "/v1/models/a/b", "GET, HEAD, OPTIONS") for method in ("POST", "DELETE")),
        *((method, "/v1/chat/completions", "POST, OPTIONS") for method in ("GET", "PUT", "PATCH", "DELETE", "TRACE")),
    ],
)
def test_wrong_method(client: FlaskClient, method: str, path: str, allow: str) -> None:
    response = client.open(path, method=method)
    assert_envelope(response, 405, "method_not_allowed")
    assert response.headers["Allow"] == allow
    options = client.options(path)
    assert (options.status_code, options.headers["Allow"]) == (204, allow)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nope", "/v1/models/", "/v1/chat/completions/", "/v1/chat"])
def test_unknown_path_under_the_prefix(client: FlaskClient, method: str, path: str) -> None:
    assert_envelope(client.open(path, method=method), 404, "not_found")


def test_head_has_headers_and_no_body(client: FlaskClient) -> None:
    response = client.head("/v1/models")
    assert (response.status_code, response.get_data()) == (200, b"")
    assert response.mimetype == "application/json"
    assert client.head("/v1/chat/completions").status_code == 405
    assert client.head("/v1/nope").status_code == 404


def test_doubled_slash_leads_to_the_endpoint(client: FlaskClient) -> None:
    response = client.get("/v1//models")
    assert (response.status_code, response.headers["Location"]) == (308, "http://localhost/v1/models")


def test_bad_bodies(client: FlaskClient) -> None:
    post = "/v1/chat/completions"
    assert_envelope(client.post(post, data=b"{", content_type="application/json"), 400, "invalid_json")
    assert_envelope(client.post(post, data=b"[" * 100_000, content_type="application/json"), 400, "invalid_json")
    assert_envelope(client.post(post, data=b"{}", content_type="text/plain"), 415, "unsupported_media_type")
    assert_envelope(client.post(post), 415, "unsupported_media_type")
    history = {"messages": [{"role": "assistant", "content": "x"}]}
    assert assert_envelope(client.post(post, json=history), 400, "no_user_message")["param"] == "messages"


def test_limits_are_settings() -> None:
    client = make_app(max_body_bytes=200, max_messages=2).test_client()
    assert_envelope(ask(client, "x" * 200), 413, "request_too_large")
    assert_envelope(ask(client, messages=QUESTION["messages"] * 3), 400, "too_many_messages")


def test_app_of_its_own_answers_in_one_shape_everywhere() -> None:
    client = create_app({"AGENT_API_AGENTS": [lambda messages: "x"]}).test_client()
    error = client.post("/chat/completions", json=QUESTION)
    assert "/v1" in assert_envelope(error, 404, "not_found")["message"]
    assert client.get("/v1//models").status_code == 308
    assert_envelope(client.get("/static/x"), 404, "not_found")
