"""A tool and a delegation in every mode, streamed and whole, over a gunicorn gevent worker."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types import Model
from openai.types.chat import ChatCompletion

from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import Stream
from flask_agent_api.web.activity.history import without_activity
from flask_agent_api.web.activity.modes import MODES
from tests.support import chunks
from tests.support import RawClient
from tests.support import Server
from tests.support import text_of

APP = '''
import json
import time

from flask_agent_api import agents, create_app, ModelAgent, tool
from flask_agent_api.models.base import Finish, ToolCallDelta
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import ReasoningDelta, ToolCall, ToolFinished, ToolResult, ToolStarted, Usage


@tool
def get_time(city: str) -> str:
    """Says <noon>."""
    time.sleep(0.06 if city == "<Tokyo>" else 0)
    return f'It is "noon" in {city}\\n</details></tool_call_info>'


class Script:
    name = "script"

    def __init__(self, *replies):
        self._replies = replies

    def stream(self, request):
        for item in self._replies[sum(message["role"] == "tool" for message in request.messages)]:
            yield [item]


def call(name, **arguments):
    return [ToolCallDelta(0, "", name, json.dumps(arguments)), Usage(1, 1), Finish("tool_calls")]


tools = FunctionToolset("tools", [get_time])
clerk = ModelAgent("clerk", toolsets=(tools,), model=Script(
    [ReasoningDelta("not for the client"), *call("get_time", city="Rome")], ["noon", Usage(1, 1), Finish("stop")],
))
agents.add(ModelAgent("root", toolsets=(tools,), sub_agents=("clerk",), team={"clerk": clerk}, model=Script(
    [ReasoningDelta("hm"), "Let me look.", *call("get_time", city="<Tokyo>")],
    call("transfer_task", agent="clerk", task="t", expected_output="a word"),
    ["It is ", "<b>noon</b>\\n", Usage(1, 1), Finish("stop")],
)))


def works(messages):
    call = ToolCall("call_1", "search", "{}")
    yield ToolStarted(call)
    yield ReasoningDelta("hm")
    yield ToolFinished(call, ToolResult("x"), 0.5)
    yield json.dumps(messages)


for name in ("quiet", "loud", "open", "odd:none"):
    agents.agent(name)(works)

app = create_app({
    "AGENT_API_TOOL_ACTIVITY": "openwebui", "AGENT_API_KEEP_ALIVE": 0.03, "AGENT_API_STATUS_WAIT": 0.05,
    "AGENT_API_AGENT_OPTIONS": {
        "root": {"activity_preview": 200},
        "quiet": {"tool_activity": "none"},
        "open": {"tool_activity": "none", "show_reasoning": True},
    },
})
'''  # fmt: skip
ANSWER = "Let me look.It is <b>noon</b>\n"
SAFE = [name for name, mode in MODES.items() if mode.safe]
RESULT = 'It is "noon" in <Tokyo>\n</details></tool_call_info>'
HEADER = "X-Agent-Tool-Activity"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("activity"), {"app.py": APP}) as running:
        yield running


def ask(server: Server, header: str | None = None, **fields: Any) -> tuple[int, bytes, str]:
    """The status, the body and who ran."""
    with RawClient(server.port) as client:
        body = {"messages": [{"role": "user", "content": "hi"}], **fields}
        headers = [f"{HEADER}: {header}"] if header is not None else []
        client.send("POST", "/v1/chat/completions", *headers, body=json.dumps(body).encode())
        response = client.response()
        return response.status, response.read(), response.headers.get("X-Agent", "")


@functools.cache
def root(server: Server, mode: str) -> bytes:
    """The stream of the agent with a tool and a delegation, in a mode."""
    status, body, agent = ask(server, mode, stream=True)
    assert (status, agent) == (200, "root")
    return body


def streamed(server: Server, header: str | None = None, **fields: Any) -> Stream:
    status, body, _ = ask(server, header, stream=True, **fields)
    assert status == 200, body
    return collect_sse(body)


def whole(server: Server, header: str | None = None, **fields: Any) -> dict[str, Any]:
    status, body, _ = ask(server, header, **fields)
    assert status == 200, body
    ChatCompletion.model_validate_json(body, strict=True)
    answer: dict[str, Any] = json.loads(body)
    return answer


def as_stream(answer: dict[str, Any]) -> Stream:
    """A whole answer in the terms of a stream."""
    message = answer["choices"][0]["message"]
    return Stream(
        text=message["content"],
        reasoning=message.get("reasoning_content", ""),
        events=answer.get("agent_events", []),
        tool_calls=message.get("tool_calls", []),
    )


def shown_whole(mode: str) -> bool:
    """Whether a whole answer in this mode shows activity."""
    return mode not in {"none", "openwebui", "tool_role"}


def mode_of(stream: Stream) -> str:
    """The mode in which ``works`` was shown."""
    marks = {
        "events": bool(stream.events),
        "reasoning": "Calling" in stream.reasoning,
        "details": stream.text.startswith("\n\n<details"),
        "openwebui": bool(stream.statuses),
        "tags": stream.text.startswith("<tool_call_info>"),
        "tool_calls": bool(stream.tool_calls),
        "tool_role": bool(stream.tool_results),
    }
    shown = [mode for mode, found in marks.items() if found]
    assert len(shown) <= 1, shown
    return shown[0] if shown else "none"


def _untimed(text: str) -> str:
    return re.sub(r"took [\d.]+ s", "took", text)


@pytest.mark.parametrize("mode", SAFE)
def test_stream_of_a_safe_mode_keeps_to_the_protocol(server: Server, mode: str) -> None:
    body = root(server, mode)
    got = chunks(body)  # which checks each against the SDK's types, strictly
    assert [chunk.choices[0].delta.role for chunk in got] == ["assistant"] + [None] * (len(got) - 1)
    assert all(chunk.choices[0].delta.tool_calls is None for chunk in got)
    assert [chunk.choices[0].finish_reason for chunk in got] == [None] * (len(got) - 1) + ["stop"]
    assert without_activity({"role": "assistant", "content": text_of(got)})["content"] == ANSWER


@pytest.mark.parametrize("mode", MODES)
def test_no_mode_sends_what_breaks_parsers(server: Server, mode: str) -> None:
    body = root(server, mode)
    frames = body.decode().removesuffix("\n\n").split("\n\n")
    assert {frame for frame in frames if not frame.startswith("data: {")} == {": keep-alive", "data: [DONE]"}
    assert frames[-1] == "data: [DONE]"
    assert b'"usage"' not in body
    assert b'"choices":[]' not in body
    assert b"not for the client" not in body
    reasons = {json.loads(frame[6:])["choices"][0]["finish_reason"] for frame in frames if frame.startswith("data: {")}
    assert reasons == {None, "stop"}


@pytest.mark.parametrize("mode", MODES)
def test_usage_comes_last_in_every_mode(server: Server, mode: str) -> None:
    stream = streamed(server, mode, stream_options={"include_usage": True})
    assert stream.usage is not None
    assert stream.usage["total_tokens"] == 10
    assert all(chunk["usage"] is None for chunk in stream.chunks[:-1])


@pytest.mark.parametrize("mode", MODES)
def test_whole_answer_shows_the_same(server: Server, mode: str) -> None:
    stream, answer = collect_sse(root(server, mode)), whole(server, mode)
    message = answer["choices"][0]["message"]
    assert _untimed(message.get("reasoning_content", "")) == _untimed(stream.reasoning)
    assert message["content"] == stream.text
    assert answer["choices"][0]["finish_reason"] == stream.finish_reason == "stop"
    plain = [{key: event[key] for key in event if key != "duration_ms"} for event in answer.get("agent_events", [])]
    assert plain == [{key: event[key] for key in event if key != "duration_ms"} for event in stream.events]
    calls = [{key: call[key] for key in call if key != "index"} for call in stream.tool_calls]
    assert message.get("tool_calls", []) == calls
    assert "event" not in answer


def test_events(server: Server) -> None:
    events = collect_sse(root(server, "events")).events
    assert [(event["type"], event["depth"]) for event in events] == [
        ("tool_start", 0), ("tool_end", 0), ("tool_start", 0), ("agent_start", 0), ("tool_start", 1), ("tool_end", 1),
        ("agent_end", 0), ("tool_end", 0),
    ]  # fmt: skip
    assert events[1]["result"] == RESULT


def test_reasoning(server: Server) -> None:
    lines = collect_sse(root(server, "reasoning")).reasoning.split("\n")
    assert [re.sub(r"[\d:{].*", "", line).strip() for line in lines if line][:5] == [
        "Calling get_time", "get_time took", "Calling transfer_task", "Delegating to clerk ...", "Calling get_time",
    ]  # fmt: skip


def test_openwebui(server: Server) -> None:
    statuses = collect_sse(root(server, "openwebui")).statuses
    assert [status["done"] for status in statuses] == [False, True, False, False, False, False, False, True]
    assert statuses[3]["description"] == "Delegating to clerk ..."


def test_details(server: Server) -> None:
    text = collect_sse(root(server, "details")).text
    assert re.findall(r'^<details type="tool_calls" done="true" id="[^"]+" name="(\w+)"', text, re.MULTILINE) == [
        "get_time", "get_time", "transfer_task",
    ]  # fmt: skip
    assert "&lt;Tokyo&gt;" in text


def test_tags(server: Server) -> None:
    info = re.escape('\nIt is "noon" in <Tokyo>\n</details>')
    assert re.match(r"Let me look\.<tool_call_info>Tool\[get_time\] \w+" + info, collect_sse(root(server, "tags")).text)


def test_tool_calls(server: Server) -> None:
    calls = collect_sse(root(server, "tool_calls")).tool_calls
    assert [(call["index"], call["type"], call["function"]["name"]) for call in calls] == [
        (0, "function", "get_time"), (1, "function", "transfer_task"), (2, "function", "get_time"),
    ]  # fmt: skip
    assert json.loads(calls[0]["function"]["arguments"]) == {"city": "<Tokyo>"}


def test_tool_role(server: Server) -> None:
    stream = collect_sse(root(server, "tool_role"))
    assert stream.tool_results[0].endswith(f"\n{RESULT}")
    assert stream.tool_results[0].startswith("Tool[get_time] ")
    assert stream.text == ANSWER


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stream", [True, False])
def test_each_way_to_choose(server: Server, mode: str, stream: bool) -> None:
    """The three ways of a request, the option of an agent, and the setting of the server."""
    ways: list[dict[str, Any]] = [
        {"tool_activity": mode, "model": "quiet"},
        {"header": mode, "model": "quiet"},
        {"model": f"quiet:{mode}"},
    ]
    ways += [{"model": "quiet"}] if mode == "none" else [{"model": "loud"}] if mode == "openwebui" else []
    for way in ways:
        if stream:
            assert mode_of(streamed(server, **way)) == mode
        else:
            assert mode_of(as_stream(whole(server, **way))) == (mode if shown_whole(mode) else "none")


def test_precedence(server: Server) -> None:
    """Body, header, name, agent, server."""
    assert mode_of(streamed(server, model="loud")) == "openwebui"
    assert mode_of(streamed(server, model="quiet")) == "none"
    assert mode_of(streamed(server, model="quiet:reasoning")) == "reasoning"
    assert mode_of(streamed(server, "tags", model="quiet:reasoning")) == "tags"
    assert mode_of(streamed(server, "tags", model="quiet:reasoning", tool_activity="events")) == "events"
    assert mode_of(streamed(server, model="quiet", tool_activity=None)) == "none"
    assert mode_of(streamed(server, "", model="quiet")) == "none"
    assert mode_of(streamed(server, " Events ", model="quiet")) == "events"


@pytest.mark.parametrize(
    "fields",
    [
        {"header": "loud"},
        {"tool_activity": "loud"},
        {"tool_activity": 5},
        {"tool_activity": ""},
        {"tool_activity": "events", "header": "loud"},
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_unknown_mode_is_refused(server: Server, fields: dict[str, Any], stream: bool) -> None:
    status, body, _ = ask(server, **fields, stream=stream)
    error = json.loads(body)["error"]
    assert (status, error["param"], error["code"]) == (400, "tool_activity", "invalid_value")
    assert all(mode in error["message"] for mode in MODES)


def test_mode_behind_a_name(server: Server) -> None:
    _, body, agent = ask(server, model="gpt-4:events", stream=True)
    stream = collect_sse(body)
    assert (stream.model, agent, bool(stream.events)) == ("gpt-4:events", "root", True)
    _, body, agent = ask(server, model="quiet:loud", stream=True)
    assert (collect_sse(body).model, agent) == ("quiet:loud", "root")
    _, body, agent = ask(server, model="odd:none", stream=True)
    assert (mode_of(collect_sse(body)), agent) == ("openwebui", "odd:none")
    assert mode_of(streamed(server, model="odd:none:events")) == "events"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("root:reasoning", 200),
        ("odd:none", 200),
        ("odd:none:tags", 200),
        ("root:loud", 404),
        ("nobody:events", 404),
        (":events", 404),
    ],
)
def test_model_with_a_mode_behind_it(server: Server, name: str, status: int) -> None:
    with RawClient(server.port) as client:
        client.send("GET", f"/v1/models/{name}")
        response = client.response()
        body = response.read()
    assert response.status == status
    if status == 200:
        assert Model.model_validate_json(body, strict=True).id == name


@pytest.mark.parametrize("mode", ["details", "tags"])
def test_nothing_stands_beside_an_answer_in_json(server: Server, mode: str) -> None:
    messages = {"type": "json_schema", "json_schema": {"name": "messages", "schema": {"type": "array"}}}
    stream = streamed(server, mode, model="quiet", response_format=messages)
    assert (mode_of(stream), json.loads(stream.text)[0]["role"]) == ("events", "user")
    assert mode_of(streamed(server, mode, model="quiet", response_format={"type": "text"})) == mode


@pytest.mark.parametrize("mode", ["details", "tags"])
def test_what_was_shown_does_not_come_back(server: Server, mode: str) -> None:
    question = {"role": "user", "content": "hi"}
    first = streamed(server, mode, model="quiet").text
    history = [question, {"role": "assistant", "content": first}, question]
    got = json.loads(streamed(server, "none", model="quiet", messages=history).text)
    assert got == [question, {"role": "assistant", "content": json.dumps([question])}, question]


def test_reasoning_is_shown_where_the_agent_allows_it(server: Server) -> None:
    assert streamed(server, model="open").reasoning == "hm"
    assert whole(server, model="open")["choices"][0]["message"]["reasoning_content"] == "hm"
    assert "reasoning_content" not in whole(server, model="quiet")["choices"][0]["message"]
    assert streamed(server, model="open:reasoning").reasoning == "\nCalling search ...\nhm\nsearch took 0.5 s\n"


@pytest.mark.parametrize("mode", SAFE)
def test_official_client_shows_the_text_unharmed(server: Server, sdk: openai.OpenAI, mode: str) -> None:
    client = sdk.with_options(base_url=server.url, default_headers={HEADER: mode})
    messages: Any = [{"role": "user", "content": "hi"}]
    with client.chat.completions.stream(model="root", messages=messages) as stream:
        answer = stream.get_final_completion().choices[0].message
    plain = client.chat.completions.create(model="root", messages=messages).choices[0].message
    for message in (answer, plain):
        assert (message.role, message.tool_calls or []) == ("assistant", [])
        assert without_activity({"role": "assistant", "content": message.content})["content"] == ANSWER
