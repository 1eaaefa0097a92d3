"""Random bodies, headers, paths and bytes against a real server: no failure of its own, and always an answer.

``pytest -m fuzz`` sends thousands, with a new seed each time; the slow tests a few, always the same.
"""

from __future__ import annotations

import http.client
import json
import secrets
import socket
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import seed
from hypothesis import settings
from hypothesis import strategies as st

from flask_agent_api.params import PARAMS
from flask_agent_api.web.fields import IGNORED
from flask_agent_api.web.fields import OURS
from flask_agent_api.web.fields import REFUSED
from tests.server.test_schemathesis import APP
from tests.support import QUESTION
from tests.support import Server

SECONDS = 20.0
"""An answer that takes longer hangs: the machine may be busy."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.sampled_from(["root", "plain"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "file", "x"])},
    optional={"text": JSON, "image_url": JSON, "file": JSON},
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "function", "developer"])},
    optional={
        "content": st.none() | st.text() | st.lists(PART, max_size=3) | JSON, "name": JSON, "tool_calls": JSON,
        "tool_call_id": JSON, "function_call": JSON,
    },
)  # fmt: skip
FIELDS = st.dictionaries(
    st.sampled_from(sorted({**PARAMS, **OURS, **REFUSED, **IGNORED, "extra": ""})), JSON, max_size=4
)
REQUEST = st.builds(
    lambda fields, messages, stream: {**QUESTION, **fields, **messages, **stream},
    FIELDS,
    st.just({}) | st.fixed_dictionaries({"messages": st.lists(MESSAGE, max_size=4)}),
    st.just({}) | st.just({"stream": True}),
)
BODY = REQUEST.map(lambda request: json.dumps(request).encode()) | st.binary(max_size=200)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Accept", "Authorization", "Content-Type", "Cookie", "Host", "Idempotency-Key", "If-None-Match",
         "Last-Event-ID", "Origin", "Range", "X-Agent-On-Disconnect", "X-Agent-Task", "X-Agent-Tool-Activity",
         "X-Conversation-Id", "X-Request-Id", "X-Should-Retry", "X-Stainless-Retry-Count",
         "X-HTTP-Method-Override", "Forwarded", "Expect"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
    | st.sampled_from(["detach", "cancel", "new", "c1", "127.0.0.1", "details", "1", "title_generation", "*/*"]),
    max_size=4,
).filter(lambda headers: headers.get("Expect", "").lower() != "100-continue")  # fmt: skip
NAME = st.text(max_size=20).map(lambda text: quote(text, safe="/.%") or "x")
PATH = st.sampled_from(
    ["/models", "/chat/completions", "/conversations", "/openapi.json", "/", ""]
) | st.builds(
    lambda template, name: template.format(name),
    st.sampled_from(
        ["/models/{}", "/conversations/{}", "/conversations/{}/cancel", "/runs/{}/cancel", "/conversations?after={}",
         "/conversations?limit={}", "/conversations?model={}", "/conversations/c1?include={}", "/{}"]
    ),
    NAME,
)  # fmt: skip
METHOD = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "X"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("fuzz"), {"app.py": APP}) as running:
        yield running
        assert "Traceback" not in running.log, running.log[-5000:]
        assert "internal error" not in running.log, running.log[-5000:]


def ask(server: Server, method: str, path: str, headers: dict[str, str], body: bytes | None) -> None:
    """Sends a request; its answer must come in time, be no failure of the server, and an envelope if it is an error."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    try:
        connection.putrequest(method, f"/v1{path}", skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value.encode("latin-1"))
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    assert response.status < 500, (response.status, text)
    kind = response.getheader("Content-Type", "")
    if response.status >= 400 and method != "HEAD" and kind == "application/json":
        assert json.loads(text)["error"]["message"]
    if kind.startswith("text/event-stream"):
        assert text.endswith(b"data: [DONE]\n\n"), text[-300:]


def ask_for_an_answer(server: Server, body: bytes, headers: dict[str, str]) -> None:
    ask(server, "POST", "/chat/completions", {"Content-Type": "application/json", **headers}, body)


def send_bytes(server: Server, data: bytes) -> None:
    """Whatever it is: the connection is answered or closed, and the next client is served."""
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65_536):
            pass
    ask(server, "GET", "/models", {}, None)


BYTES = st.builds(
    lambda line, headers, body: b"\r\n".join([line, *headers, b"", body]),
    st.sampled_from(
        [b"GET /v1/models HTTP/1.1", b"POST /v1/chat/completions HTTP/1.1", b"POST /v1/chat/completions HTTP/1.0"]
    )
    | st.binary(max_size=60),
    st.lists(
        st.sampled_from(
            [b"Host: localhost", b"Content-Length: 5", b"Content-Length: -1", b"Transfer-Encoding: chunked", b"Host: a",
             b"Transfer-Encoding: x", b"Content-Type: application/json", b"Connection: close", b"Expect: 100-continue"]
        ) | st.binary(max_size=60),
        max_size=6,
    ),
    st.binary(max_size=60) | st.sampled_from([b"5\r\n{\"a\":\r\n0\r\n\r\n", b"0\r\n\r\n", b"{}", b"ffffffffff\r\n"]),
)  # fmt: skip

Checked = Callable[[], None]


def checks(server: Server, examples: int, number: int) -> list[Checked]:
    """The three kinds of requests, so many of each."""

    def many(*strategies: Any) -> Callable[[Any], Checked]:
        def decorate(function: Any) -> Checked:
            options = settings(
                max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
            )
            return seed(number)(options(given(*strategies)(function)))  # type: ignore[no-any-return]

        return decorate

    @many(BODY, HEADERS)
    def bodies(body: bytes, headers: dict[str, str]) -> None:
        ask_for_an_answer(server, body, headers)

    @many(METHOD, PATH, HEADERS, st.none() | BODY)
    def everything(method: str, path: str, headers: dict[str, str], body: bytes | None) -> None:
        ask(server, method, path, headers, body)

    @many(BYTES)
    def raw(data: bytes) -> None:
        send_bytes(server, data)

    return [bodies, everything, raw]


@pytest.mark.slow
@pytest.mark.parametrize("kind", range(3), ids=["bodies", "everything", "bytes"])
def test_a_few_random_requests(server: Server, kind: int) -> None:
    checks(server, 40, 1)[kind]()


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", range(3), ids=["bodies", "everything", "bytes"])
def test_many_random_requests(server: Server, kind: int) -> None:
    checks(server, 3_000, secrets.randbits(32))[kind]()
