"""What lies between a client and the server keeps no answer, and holds none back."""

from __future__ import annotations

import pytest
from flask import Flask
from flask import Response

from flask_agent_api import AgentAPI
from flask_agent_api import create_app
from tests.support import QUESTION

KEY = "key-0123456789abcdef"
BEARER = {"Authorization": f"Bearer {KEY}"}
CHAT = "/v1/chat/completions"


def greeter(messages: list[object]) -> str:
    return "hello"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/models", 200), ("GET", "/v1/models/greeter", 200), ("GET", "/v1/conversations", 200),
     ("GET", "/v1/openapi.json", 200), ("POST", CHAT, 200), ("POST", "/v1/models", 405), ("GET", "/v1/nope", 404)],
)  # fmt: skip
def test_nobody_keeps_an_answer(method: str, path: str, status: int) -> None:
    client = create_app({"AGENT_API_AGENTS": [greeter], "AGENT_API_KEYS": KEY}).test_client()
    body = QUESTION if path == CHAT else None
    answer = client.open(path, method=method, json=body, headers=BEARER)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (status, "no-store")
    refused = client.open(path, method=method, json=body)
    assert (refused.status_code, refused.headers["Cache-Control"]) == (401, "no-store")


def test_nobody_holds_a_stream_back() -> None:
    client = create_app({"AGENT_API_AGENTS": [greeter]}).test_client()
    stream = client.post(CHAT, json={**QUESTION, "stream": True})
    assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert stream.headers["X-Accel-Buffering"] == "no"
    assert stream.headers["Cache-Control"] == "no-cache, no-transform"
    assert not {"Content-Length", "Content-Encoding", "Connection", "ETag"} & set(stream.headers.keys())
    assert stream.get_data().endswith(b"data: [DONE]\n\n")


def test_an_answer_of_the_host_app_keeps_its_own_word() -> None:
    app = Flask(__name__)
    AgentAPI(app, agents=greeter)

    @app.before_request
    def moved() -> Response:
        return Response(status=308, headers={"Location": "https://localhost/v1/models", "Cache-Control": "max-age=60"})

    assert app.test_client().get("/v1/models").headers["Cache-Control"] == "max-age=60"
