"""The check behind all tests notices what is wrong."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest
from flask import Flask
from flask import Response

from tests.support import RawClient
from tests.wire import check_json
from tests.wire import CheckedResponse

CHUNK = {
    "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
    "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}],
}  # fmt: skip
MESSAGE = {"role": "assistant", "content": "x", "refusal": None}
COMPLETION = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": MESSAGE, "logprobs": None, "finish_reason": "stop"}],
}  # fmt: skip
WRONG: list[dict[str, Any]] = [
    {**CHUNK, "created": 1.5},
    {**CHUNK, "created": "1"},
    {**CHUNK, "model": None},
    {**CHUNK, "object": "chunk"},
    {key: value for key, value in CHUNK.items() if key != "object"},
    {**CHUNK, "choices": [{"index": 0, "delta": {"content": 5}, "finish_reason": None}]},
    {**CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]},
    {**CHUNK, "choices": [{"delta": {}, "finish_reason": None}]},
    {**CHUNK, "usage": {"prompt_tokens": 1}},
    {**COMPLETION, "choices": []},
    {**COMPLETION, "choices": [{**COMPLETION["choices"][0], "finish_reason": None}]},
    {**COMPLETION, "surprise": 1},
]


def frame(value: object) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def test_right_shapes_pass() -> None:
    for value in (CHUNK, COMPLETION, {"error": "of somebody else"}, [1], {"object": "list", "data": []}):
        check_json(json.dumps(value))
    check_json(b"not json")


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_shapes_fail(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_json(json.dumps(wrong))


@pytest.mark.parametrize("wrong", [WRONG[0], WRONG[-1]])
def test_flasks_test_client_checks(wrong: dict[str, Any]) -> None:
    app = Flask("host")
    app.add_url_rule("/json", "json", lambda: wrong)
    app.add_url_rule("/sse", "sse", lambda: Response(iter([frame(CHUNK), frame(wrong)]), mimetype="text/event-stream"))
    with pytest.raises(AssertionError, match="does not take"):
        app.test_client().get("/json")
    with pytest.raises(AssertionError, match="does not take"):
        app.test_client().get("/sse").get_data()


@pytest.mark.parametrize(
    "read",
    [lambda r: r.read(), lambda r: list(r), lambda r: [*iter(lambda: r.read(7), b"")], lambda r: [*iter(r.read1, b"")]],
)
def test_raw_clients_check_however_they_read(read: Any) -> None:
    here, there = socket.socketpair()
    with here, there:
        body = frame(CHUNK) + frame(WRONG[0])
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        there.sendall(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        client = RawClient.__new__(RawClient)
        client.sock = here
        with pytest.raises(AssertionError, match="does not take"):
            read(client.response())
    assert http.client.HTTPConnection.response_class is CheckedResponse
