from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from flask_agent_api.concurrency import spawn
from flask_agent_api.errors import ModelError
from flask_agent_api.models.base import Finish
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.types import ReasoningDelta

# ScriptedModel


def test_scripted_model_gives_its_replies_in_order() -> None:
    model = ScriptedModel(
        "hi",
        [ReasoningDelta("hm"), tool_call("add", a=1), tool_call("add", a=2)],
        [*"ab", Finish("length")],
        lambda request: str(request.messages[0]["content"]),
    )
    request = ModelRequest([{"role": "user", "content": "echo"}])
    assert list(model.stream(request)) == [["hi"], [Finish("stop")]]
    assert list(model.stream(request)) == [
        [ReasoningDelta("hm")],
        [ToolCallDelta(0, "", "add", '{"a": 1}')],
        [ToolCallDelta(1, "", "add", '{"a": 2}')],
        [Finish("tool_calls")],
    ]
    assert list(model.stream(request)) == [["a"], ["b"], [Finish("length")]]
    assert next(model.stream(request)) == ["echo"]
    assert model.requests == [request] * 4
    with pytest.raises(AssertionError, match="called 5 times, it has 4 replies"):
        next(model.stream(request))


def test_scripted_model_raises_and_waits() -> None:
    ready = threading.Event()
    model = ScriptedModel(["a", ready, ModelError("down")])
    stream = model.stream(ModelRequest([]))
    assert next(stream) == ["a"]
    spawn(ready.set)
    with pytest.raises(ModelError, match="down"):
        next(stream)


# collect_sse

USAGE: dict[str, Any] = {
    "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3,
    "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0},
}  # fmt: skip


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    common = {"id": "c-1", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": choices}
    return common | fields


def wire(*frames: dict[str, Any] | str) -> bytes:
    lines = [frame if isinstance(frame, str) else f"data: {json.dumps(frame)}" for frame in frames]
    return "".join(f"{line}\n\n" for line in lines).encode()


ROLE = chunk({"role": "assistant", "content": ""})
STOP = chunk({}, "stop")
ERROR = {"error": {"message": "m", "type": "t", "param": None, "code": "c"}}
DONE = "data: [DONE]"


def test_collect_sse_takes_a_stream_apart() -> None:
    frames = (
        ROLE,
        ": keep-alive",
        chunk({"reasoning_content": "hm"}),
        chunk({"content": "a"}),
        chunk({}, agent_event={"type": "tool_start"}),
        chunk({"content": "b"}),
        STOP,
        chunk(usage=USAGE),
        DONE,
    )
    body = wire(*frames)
    stream = collect_sse(body[i : i + 1] for i in range(len(body)))
    assert (stream.text, stream.reasoning, stream.finish_reason, stream.error) == ("ab", "hm", "stop", None)
    assert (stream.events, stream.comments) == ([{"type": "tool_start"}], ["keep-alive"])
    assert (stream.id, stream.model, stream.usage, len(stream.chunks)) == ("c-1", "m", USAGE, 7)


def test_collect_sse_keeps_results_and_statuses_apart_from_the_text() -> None:
    status = {"description": "Calling a ...", "done": False}
    frames = (
        ROLE,
        chunk({"content": "a"}),
        chunk({"role": "tool", "content": "result"}),
        chunk({}, event={"type": "status", "data": status}),
        STOP,
        DONE,
    )
    stream = collect_sse(wire(*frames))
    assert (stream.text, stream.tool_results, stream.statuses) == ("a", ["result"], [status])


def call(index: int = 0, arguments: str = "", **fields: Any) -> dict[str, Any]:
    function = {"arguments": arguments, **fields.pop("function", {})}
    return chunk({"tool_calls": [{"index": index, **fields, "function": function}]})


BEGUN = {"id": "c", "type": "function", "function": {"name": "look"}}


def test_collect_sse_puts_the_pieces_of_tool_calls_together() -> None:
    frames = (ROLE, call(**BEGUN), call(arguments='{"a":'), call(arguments=" 1}"), call(1, "{}", **BEGUN), STOP, DONE)
    first, second = collect_sse(wire(*frames)).tool_calls
    function = {"name": "look", "arguments": '{"a": 1}'}
    assert first == {"index": 0, "id": "c", "type": "function", "function": function}
    assert (second["index"], second["function"]["arguments"]) == (1, "{}")


@pytest.mark.parametrize("frames", [(ROLE, chunk({"content": "a"}), ERROR, DONE), (ERROR, DONE)])
def test_collect_sse_accepts_a_failed_stream(frames: tuple[Any, ...]) -> None:
    stream = collect_sse(wire(*frames))
    assert stream.error == ERROR["error"]
    assert stream.finish_reason is None


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "no data"),
        (wire(ROLE, STOP), "does not end with"),
        (wire(ROLE, DONE), "one of them only"),
        (wire(ROLE, STOP, ERROR, DONE), "one of them only"),
        (wire(ROLE, ERROR, ERROR, DONE), "follows the error"),
        (wire(ROLE, ERROR, STOP, DONE), "follows the error"),
        (wire(ROLE, STOP, chunk({"content": "a"}), DONE), "follows the finish"),
        (wire(ROLE, STOP, STOP, DONE), "follows the finish"),
        (wire(ROLE, chunk(usage={}), STOP, DONE), "before the finish"),
        (wire(ROLE, STOP, chunk(usage=USAGE), chunk(usage=USAGE), DONE), "follows the usage"),
        (wire(ROLE, STOP, chunk(), DONE), "neither choices nor usage"),
        (wire(ROLE, ROLE, STOP, DONE), "no other, has the role"),
        (wire(STOP, DONE), "first chunk"),
        (wire(ROLE, chunk({"content": "a"}, id="c-2"), STOP, DONE), r"\['id'\]"),
        (wire(ROLE, chunk({"content": "a"}, created=6), STOP, DONE), r"\['created'\]"),
        (wire(ROLE, chunk({"content": "a"}, model="n"), STOP, DONE), r"\['model'\]"),
        (wire(ROLE, chunk({"content": "a"}, object="x"), STOP, DONE), "no chunk"),
        (wire(ROLE, STOP, DONE, ROLE, DONE), r"after \[DONE\]"),
        (wire(ROLE, STOP, "data: [DONE]\ndata: x"), "not one data line"),
        (wire(ROLE, "event: x", STOP, DONE), "not one data line"),
        (wire(ROLE, STOP, DONE)[:-1], "cut off"),
        (wire(ROLE, call(arguments="{}"), STOP, DONE), "no type or no id"),
        (wire(ROLE, call(1, **BEGUN), STOP, DONE), "out of order"),
        (wire(ROLE, call(**BEGUN), call(**BEGUN), STOP, DONE), "begins twice"),
        (wire({**ERROR, "choices": []}, DONE), "holds nothing else"),
        (wire({"error": {"message": "m"}}, DONE), "lacks a field"),
    ],
)
def test_collect_sse_refuses(body: bytes, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        collect_sse(body)


# FakeUpstream


def ask(upstream: FakeUpstream) -> bytes:
    request = urllib.request.Request(f"{upstream.url}/chat/completions", b'{"a": 1}', {"X-B": "2"})
    with urllib.request.urlopen(request, timeout=5) as response:
        return bytes(response.read())


def test_fake_upstream_plays_and_records() -> None:
    with FakeUpstream() as upstream:
        upstream.text("hi", usage=USAGE)
        upstream.tool_call("f", {"a": 1})
        first, second = ask(upstream), ask(upstream)
        assert b'"content": "hi"' in first
        assert b'"prompt_tokens": 1' in first
        assert first.endswith(b"data: [DONE]\n\n")
        assert b'"name": "f"' in second
        request = upstream.requests[0]
        assert (request.path, request.json, request.headers["x-b"]) == ("/v1/chat/completions", {"a": 1}, "2")
        with pytest.raises(urllib.error.HTTPError, match="500") as error:
            ask(upstream)
        error.value.close()
        upstream.wait(requests=3, connections=3, open=0, aborted=0)
        with pytest.raises(AssertionError, match="there are"):
            upstream.wait(0.01, requests=99)


def test_fake_upstream_works_in_an_unpatched_process() -> None:
    script = (
        "from flask_agent_api.testing import FakeUpstream\n"
        "import urllib.request\n"
        "with FakeUpstream() as up:\n"
        "    up.text('hi')\n"
        "    body = urllib.request.urlopen(up.url, b'{}').read()\n"
        "    print(b'hi' in body, len(up.requests))\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=20)
    assert (done.stdout, done.stderr) == ("True 1\n", "")


@pytest.mark.parametrize("name", ["ScriptedModel", "FakeUpstream", "collect_sse"])
def test_the_public_names_are_there(name: str) -> None:
    import flask_agent_api.testing as testing

    public: Callable[..., object] = getattr(testing, name)
    assert public.__doc__
