"""Checks every answer that a test reads: the ``openai`` package's types and our own must take it, in strict mode.

It works behind Flask's test client, ``http.client`` (and what is built on it) and the tests' raw client. What is no
answer of ours passes: the check is for what calls itself a completion, a chunk or an error.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from flask.testing import FlaskClient
from openai.types.chat import ChatCompletion
from openai.types.chat import ChatCompletionChunk
from werkzeug.test import TestResponse

from flask_agent_api.web import answers
from tests import canaries

KINDS: dict[str, list[Any]] = {
    "chat.completion": [ChatCompletion, answers.ChatCompletion],
    "chat.completion.chunk": [ChatCompletionChunk, answers.ChatCompletionChunk],
}


def check_json(text: str | bytes) -> None:
    """Raises AssertionError if it is a completion, a chunk or an error of the wrong shape."""
    try:
        value = json.loads(text)
    except ValueError:
        return  # cut off, or not ours
    if not isinstance(value, dict):
        return
    if "error" in value:
        canaries.look_at(json.dumps(value["error"], ensure_ascii=False), "an error")
    types = KINDS.get(str(value.get("object")), [])
    if "choices" in value:
        assert types, f"an answer that does not say what it is: {text!r}"
    for kind in types:
        try:
            kind.model_validate_json(text, strict=True)
        except ValueError as exc:
            raise AssertionError(f"{kind.__module__}.{kind.__name__} does not take an answer: {exc}\n{text!r}") from exc


class Check:
    """Follows one body while it is read."""

    def __init__(self, content_type: str) -> None:
        self._separator = b"\n\n" if content_type.startswith("text/event-stream") else b""
        self._is_json = content_type.startswith("application/json")
        self._is_text = content_type.startswith("text/plain")  # figures for Prometheus, above all
        self._read = b""

    def feed(self, data: bytes) -> None:
        """Checks each frame when it is complete."""
        if self._separator:
            *frames, self._read = (self._read + data).split(self._separator)
            for frame in frames:
                if frame.startswith(b"data: {"):
                    check_json(frame.removeprefix(b"data: "))
        elif self._is_json:
            self._read += data
            check_json(self._read)
        elif self._is_text:
            self._read += data
            canaries.look_at(self._read.decode(errors="replace"), "a text")


class CheckedResponse(http.client.HTTPResponse):
    """A response whose body is checked by whoever reads it."""

    _check: Check | None = None
    _reading = False

    def read(self, amt: int | None = None) -> bytes:
        return self._checked(super().read, amt)

    def read1(self, n: int = -1) -> bytes:
        return self._checked(super().read1, n)

    def readline(self, limit: int | None = -1) -> bytes:  # type: ignore[override]
        return self._checked(super().readline, limit)

    def _checked(self, read: Any, *arguments: Any) -> bytes:
        """Some ways to read call the others: only the outermost counts."""
        if self._reading:
            return read(*arguments)  # type: ignore[no-any-return]
        self._reading = True
        try:
            data: bytes = read(*arguments)
        finally:
            self._reading = False
        if self._check is None:
            self._check = Check(self.getheader("Content-Type", ""))
        self._check.feed(data)
        return data


class CheckedBody:
    """The body of a response of Flask's test client."""

    def __init__(self, body: Iterable[bytes], content_type: str) -> None:
        self._body = body
        self._check = Check(content_type)

    def __iter__(self) -> Iterator[bytes]:
        for data in self._body:
            self._check.feed(data)
            yield data

    def close(self) -> None:
        if hasattr(self._body, "close"):
            self._body.close()


def check_everything() -> None:
    """From now on all that tests read is checked."""
    http.client.HTTPConnection.response_class = CheckedResponse
    plain_open = FlaskClient.open

    def checked_open(self: FlaskClient, *args: Any, **kwargs: Any) -> TestResponse:
        response = plain_open(self, *args, **kwargs)
        if response.mimetype == "text/event-stream":
            response.response = CheckedBody(response.response, response.content_type)
        elif response.mimetype == "application/json":
            check_json(response.get_data())
        elif response.mimetype == "text/plain":
            canaries.look_at(response.get_data(as_text=True), "a text")
        return response

    FlaskClient.open = checked_open  # type: ignore[method-assign]
