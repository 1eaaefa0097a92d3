"""Answers in the format that a request asks for: valid, or an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openai.types.chat import ChatCompletion
from werkzeug.test import TestResponse

from flask_agent_api import AgentAPI
from flask_agent_api import create_app
from flask_agent_api import ModelAgent
from flask_agent_api import RunContext
from flask_agent_api import RunRequest
from flask_agent_api import tool
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ModelTimeout
from flask_agent_api.models.base import Finish
from flask_agent_api.runtime import held_back
from flask_agent_api.runtime.structured_output import StructuredOutput
from flask_agent_api.structured.json_schema import read_schema
from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import Stream
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Batch
from flask_agent_api.types import ClientToolCalls
from flask_agent_api.types import Done
from flask_agent_api.types import Event
from flask_agent_api.types import RefusalDelta
from flask_agent_api.types import TextDelta
from flask_agent_api.types import ToolCall
from flask_agent_api.types import ToolFinished
from flask_agent_api.types import ToolResult
from flask_agent_api.types import ToolStarted
from flask_agent_api.types import Usage
from tests.support import frames
from tests.support import QUESTION

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY, "strict": True}}
OBJECT = {"type": "json_object"}
VALID = '{"city": "Zürich", "people": 400000}'
CALL = ToolCall("call_1", "search", "{}")
SEARCH: list[Event] = [ToolStarted(CALL), ToolFinished(CALL, ToolResult("found"), 0.1)]


class Client:
    """Asks an agent that gives what a test says."""

    def __init__(self, config: Any = ()) -> None:
        app = Flask("host")
        app.config.update(config)
        api = AgentAPI(app, agents=[])
        self.says: list[Batch | Event | str] = []
        self.params: dict[str, Any] = {}
        self.registry = api.registry
        self.http: FlaskClient = app.test_client()

        @api.agent("parrot")
        def parrot(request: RunRequest, ctx: RunContext) -> Iterator[Batch | Event | str]:
            self.params = dict(request.params)
            yield from self.says

    def post(self, response_format: Any, **fields: Any) -> TestResponse:
        fields = {"model": "parrot", **QUESTION, "response_format": response_format, **fields}
        return self.http.post("/v1/chat/completions", json=fields)

    def whole(self, response_format: Any = FORMAT, **fields: Any) -> ChatCompletion:
        response = self.post(response_format, **fields)
        assert response.status_code == 200, response.get_data()
        return ChatCompletion.model_validate_json(response.get_data(), strict=True)

    def stream(self, response_format: Any = FORMAT, **fields: Any) -> Stream:
        response = self.post(response_format, stream=True, **fields)
        assert response.status_code == 200, response.get_data()
        return collect_sse(response.get_data())

    def errors(self, response_format: Any = FORMAT) -> list[dict[str, Any]]:
        """The error of a whole answer and that of a stream."""
        whole = self.post(response_format)
        assert whole.status_code == 502
        streamed = self.post(response_format, stream=True).get_data()
        data = streamed if streamed.startswith(b"{") else frames(streamed)[-2]
        return [whole.get_json()["error"], json.loads(data)["error"]]


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.mark.parametrize(
    "said",
    [
        VALID,
        f"  \n{VALID}\n",
        f"```json\n{VALID}\n```",
        f"\n```\n{VALID}```\n",
        f"```JSON  \r\n{VALID}\r\n```",
    ],
)
def test_exactly_the_json_is_sent(client: Client, said: str) -> None:
    client.says = [*said]
    answer = client.whole()
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (VALID, "stop")
    streamed = client.stream()
    assert (streamed.text, streamed.finish_reason) == (VALID, "stop")
    assert len(streamed.chunks) == 3
    assert client.params["response_format"] == FORMAT


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("I cannot know that.", "is not JSON"),
        ("", "is not JSON"),
        (f"Here it is: {VALID}", "is not JSON"),
        (f"```json\n{VALID}\n``` Voilà", "is not JSON"),
        (f"{VALID}{VALID}", "is not JSON"),
        ('{"city": NaN}', "is not JSON"),
        ('{"city": "\\ud83d"}', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"city": 5}', "breaks 'type' at $.city"),
        ('{"people": 5}', "breaks 'required' at $"),
        ('{"city": "a", "secret": 5}', "breaks 'additionalProperties' at $.secret"),
        ("5", "breaks 'type' at $"),
    ],
)
def test_answer_that_does_not_fit_is_an_error(client: Client, said: str, message: str) -> None:
    client.says = [said[:3], said[3:], Usage(1, 2)]
    for error in client.errors():
        assert (error["type"], error["code"], error["param"]) == ("server_error", "invalid_structured_output", None)
        assert message in error["message"]
        assert len(error["message"]) < 300


@pytest.mark.parametrize("said", ["[]", "5", "null", '"a"', "{", ""])
def test_json_object_is_an_object(client: Client, said: str) -> None:
    client.says = ['{"any": ["thing"]}']
    assert client.whole(OBJECT).choices[0].message.content == '{"any": ["thing"]}'
    assert client.stream(OBJECT).text == '{"any": ["thing"]}'
    client.says = [said]
    assert {error["code"] for error in client.errors(OBJECT)} == {"invalid_structured_output"}


@pytest.mark.parametrize("asked", [None, {"type": "text"}])
def test_text_is_text(client: Client, asked: Any) -> None:
    client.says = ["```json\n", "{}\n```"]
    assert client.whole(asked).choices[0].message.content == "```json\n{}\n```"
    assert client.stream(asked).text == "```json\n{}\n```"
    assert "response_format" not in client.params


def test_text_before_tools_is_no_part_of_the_answer(client: Client) -> None:
    client.says = ["I look it up. ", *SEARCH, TextDelta("a helper's words", "helper", 1), TextDelta("{}"), Done()]
    answer = client.whole(OBJECT)
    assert answer.choices[0].message.content == "{}"
    streamed = client.stream(OBJECT)
    assert streamed.text == "{}"
    assert [event["type"] for event in streamed.events] == ["tool_start", "tool_end"]


def test_text_before_the_tools_of_a_helper_stays(client: Client) -> None:
    client.says = ["{", ToolStarted(CALL, "helper", 1), ToolFinished(CALL, ToolResult("x"), 0.1, "helper", 1), "}"]
    assert client.whole(OBJECT).choices[0].message.content == "{}"


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_answer_that_was_cut_off_is_sent_as_far_as_it_came(client: Client, reason: Any) -> None:
    client.says = ['{"ci', Done(reason)]
    answer = client.whole()
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ('{"ci', reason)
    streamed = client.stream()
    assert (streamed.text, streamed.finish_reason) == ('{"ci', reason)


def test_refusal_is_passed_on(client: Client) -> None:
    said = [RefusalDelta("I cannot "), RefusalDelta("do that."), Finish("stop")]
    client.registry.add(ModelAgent("shy", ScriptedModel(*[said] * 4)))
    for format, refusal, content in ((FORMAT, "I cannot do that.", None), (None, None, "I cannot do that.")):
        message = client.whole(format, model="shy").choices[0].message
        assert (message.refusal, message.content) == (refusal, content)
        streamed = client.stream(format, model="shy")
        assert "".join(chunk["choices"][0]["delta"].get("refusal", "") for chunk in streamed.chunks) == (refusal or "")
        assert (streamed.text, streamed.finish_reason) == (content or "", "stop")


def test_calls_of_the_clients_tools_are_not_checked(client: Client) -> None:
    client.says = ["I look it up.", ClientToolCalls([CALL])]
    choice = client.whole().choices[0]
    assert (choice.message.content, choice.finish_reason) == ("I look it up.", "tool_calls")
    assert choice.message.tool_calls
    streamed = client.stream()
    assert (streamed.text, streamed.finish_reason) == ("I look it up.", "tool_calls")
    assert "content" in streamed.chunks[1]["choices"][0]["delta"]


def test_usage_comes_with_the_answer(client: Client) -> None:
    client.says = [[VALID, Usage(1, 2), Done()]]
    usage = client.whole().usage
    assert usage is not None
    assert usage.total_tokens == 3
    streamed = client.stream(stream_options={"include_usage": True})
    assert streamed.usage is not None
    assert streamed.usage["total_tokens"] == 3


def test_failure_stays_a_failure(client: Client) -> None:
    def failing() -> Iterator[Any]:
        yield VALID
        raise ModelTimeout("Too slow.")

    client.says = failing()  # type: ignore[assignment]
    assert client.post(FORMAT).get_json()["error"]["code"] == "upstream_timeout"


def test_client_is_told_not_to_repeat_what_tools_have_done(client: Client) -> None:
    client.says = ["no JSON"]
    assert "X-Should-Retry" not in client.post(FORMAT).headers
    client.says = [*SEARCH, "no JSON"]
    assert client.post(FORMAT).headers["X-Should-Retry"] == "false"


def test_endless_answer_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_back, "MAX_ANSWER_CHARS", 1000)
    client.says = iter(lambda: "[", None)  # type: ignore[assignment]
    response = client.post(FORMAT)
    assert (response.status_code, response.get_json()["error"]["code"]) == (502, "invalid_structured_output")


@pytest.mark.parametrize("stream", [True, False])
def test_an_agents_own_format_is_kept_without_a_request_for_it(client: Client, stream: bool) -> None:
    """Activity that would go into the content is shown otherwise."""
    output = StructuredOutput(FORMAT, read_schema(CITY))
    model = ScriptedModel(f"```json\n{VALID}\n```", "no JSON", '{"a": 1}')
    client.registry.add(ModelAgent("mapper", model, structured_output=output))
    fields = {"model": "mapper", "stream": stream, "tool_activity": "details"}
    answer = client.http.post("/v1/chat/completions", json=QUESTION | fields)
    text = collect_sse(answer.data).text if stream else answer.get_json()["choices"][0]["message"]["content"]
    assert text == VALID
    wrong = client.http.post("/v1/chat/completions", json=QUESTION | fields)
    assert (wrong.status_code, wrong.get_json()["error"]["code"]) == (502, "invalid_structured_output")
    other = client.http.post("/v1/chat/completions", json=QUESTION | fields | {"response_format": OBJECT})
    assert r"{\"a\": 1}" in other.text


def test_surrogates_are_joined_or_replaced(client: Client) -> None:
    client.says = ['{"city": "\ud83d', '\ude00 \ud83d"}']
    assert client.whole().choices[0].message.content == '{"city": "😀 \ufffd"}'
    assert client.stream().text == '{"city": "😀 \ufffd"}'


def test_every_model_call_of_the_agent_gets_the_format_and_no_sub_agent_does(client: Client) -> None:
    @tool
    def look() -> str:
        """Looks."""
        return "seen"

    helper = ScriptedModel("a helper's words")
    model = ScriptedModel(
        ["I look.", tool_call("look")],
        [tool_call("transfer_task", agent="helper", task="t", expected_output="o")],
        f"```json\n{VALID}\n```",
    )
    team: dict[str, Any] = {"helper": ModelAgent("helper", helper)}
    boss = ModelAgent("boss", model, toolsets=(FunctionToolset("t", [look]),), sub_agents=("helper",), team=team)
    client.registry.add(boss)
    assert client.whole(model="boss").choices[0].message.content == VALID
    assert [request.params for request in model.requests] == [{"response_format": FORMAT}] * 3
    assert helper.requests[0].params == {}


def test_of_a_fixed_order_the_last_answer_alone_is_the_answer(client: Client) -> None:
    team: dict[str, Any] = {"last": ModelAgent("last", ScriptedModel(*[VALID] * 2))}
    first = ModelAgent("first", ScriptedModel(*["Some facts."] * 2), force_handoff="last", team=team)
    client.registry.add(first)
    assert client.whole(model="first").choices[0].message.content == VALID
    assert client.stream(model="first").text == VALID


def test_limit_of_a_run_is_no_invalid_answer(client: Client) -> None:
    client.registry.add(ModelAgent("cut", ScriptedModel(['{"city', Finish("length")])))
    assert client.whole(model="cut").choices[0].finish_reason == "length"


def wrong(**changes: Any) -> dict[str, Any]:
    named = {"name": "city", "schema": CITY, **changes}
    return {"type": "json_schema", "json_schema": {key: value for key, value in named.items() if value != "absent"}}


@pytest.mark.parametrize(
    ("response_format", "param", "code"),
    [
        ("json", "", "invalid_value"),
        ({}, ".type", "missing_required_parameter"),
        ({"type": "xml"}, ".type", "invalid_value"),
        ({"type": ["json_object"]}, ".type", "invalid_value"),
        ({"type": "json_schema"}, ".json_schema", "missing_required_parameter"),
        ({"type": "json_schema", "json_schema": []}, ".json_schema", "invalid_value"),
        (wrong(name="absent"), ".json_schema.name", "missing_required_parameter"),
        (wrong(name="a city"), ".json_schema.name", "invalid_value"),
        (wrong(name="x" * 65), ".json_schema.name", "invalid_value"),
        (wrong(name="a\n"), ".json_schema.name", "invalid_value"),
        (wrong(name=5), ".json_schema.name", "invalid_value"),
        (wrong(strict="yes"), ".json_schema.strict", "invalid_value"),
        (wrong(description=5), ".json_schema.description", "invalid_value"),
        (wrong(schema="absent"), ".json_schema.schema", "missing_required_parameter"),
        (wrong(schema=[]), ".json_schema.schema", "invalid_value"),
        (wrong(schema={"type": 5}), ".json_schema.schema", "invalid_json_schema"),
        (wrong(schema={"$ref": "https://e.example/x"}), ".json_schema.schema", "invalid_json_schema"),
    ],
)
def test_malformed_formats(client: Client, response_format: Any, param: str, code: str) -> None:
    for stream in (False, True):
        response = client.post(response_format, stream=stream)
        error = response.get_json()["error"]
        assert (response.status_code, error["param"], error["code"]) == (400, f"response_format{param}", code)


@pytest.mark.parametrize("pinned", [{"type": "xml"}, wrong(schema={"type": 5})])
def test_pinned_format_that_is_malformed_stops_the_start(pinned: Any) -> None:
    with pytest.raises(ConfigError, match="response_format"):
        create_app({"AGENT_API_PARAMS": {"response_format": pinned}})


def test_pinned_format_holds_whatever_is_asked_for() -> None:
    client = Client({"AGENT_API_PARAMS": {"response_format": OBJECT}})
    client.says = ["{} "]
    assert client.whole(None).choices[0].message.content == "{}"


def test_optional_fields_may_be_null(client: Client) -> None:
    client.says = [VALID]
    assert client.whole(wrong(strict=None, description=None)).choices[0].message.content == VALID
