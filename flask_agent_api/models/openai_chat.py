"""Models behind OpenAI's Chat Completions API, whoever serves it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pydantic_core

from ..concurrency import sleep
from ..json_text import json_text
from ..per_process import PerProcess
from .answer import Answer
from .base import ModelEvent
from .base import ModelRequest
from .circuit import Circuit
from .circuit import circuit_of
from .concessions import Concessions
from .config import Limits as Limits
from .config import ModelConfig as ModelConfig
from .dialect import Dialect
from .endpoint import Endpoint
from .failure_table import LIMITED
from .failures import bad_answer
from .failures import CallFailed
from .failures import from_status
from .failures import from_transport
from .failures import logger
from .retry import delay_before
from .route import TransportError
from .transport import post
from .transport import Response

_MAX_COMPLETION_BYTES = 16 * 1024 * 1024
_MAX_ERROR_BYTES = 64 * 1024


class OpenAIChatModel:
    """Streams chat completions. Raises :class:`~flask_agent_api.errors.ConfigError` if the configuration is wrong.

    A call that failed before it yielded anything is made again, up to ``limits.retries`` times.
    """

    def __init__(self, config: ModelConfig, limits: Limits | None = None) -> None:
        self.name = config.name
        self.config = config
        self._limits = limits or Limits()
        self._endpoint = Endpoint(config)
        self._circuit = PerProcess(lambda: circuit_of(config.base_url, config.name, self._limits))
        self._dialect = Dialect(config)
        self._concessions = Concessions(self.name)

    def stream(self, request: ModelRequest) -> Iterator[list[ModelEvent]]:
        """Text and other events of one read from the provider come in batches of their own; a Usage comes last."""
        attempt, circuit = 0, self._circuit.get()
        while True:
            answer = Answer(self.name, request.take_text, self.config.cost)
            try:
                with circuit.call(request.deadline):
                    yield from self._attempt(request, answer, circuit)
                circuit.succeeded()
                return
            except CallFailed as failure:
                circuit.failed(failure.row)
                attempt += 1
                failure.begun = answer.shown
                if answer.shown or not self._pause(failure, attempt, request.deadline):
                    raise failure.error() from failure

    def _pause(self, failure: CallFailed, attempt: int, deadline: float) -> bool:
        """Waits before the next attempt; false if there should be none."""
        limited = failure.row is LIMITED and not self._limits.retry_limited
        if not failure.row.retry or limited or attempt > self._limits.retries:
            return False
        delay = delay_before(attempt, failure.wait, deadline)
        if delay is None:
            return False
        logger.info("model %s: attempt %d failed (%s), next in %.1f s", self.name, attempt, failure, delay)
        sleep(delay)
        return True

    def _attempt(self, request: ModelRequest, answer: Answer, circuit: Circuit) -> Iterator[list[ModelEvent]]:
        try:
            with self._response(request) as response:
                circuit.answered()
                yield from self._batches(response, answer)
        except TransportError as error:
            raise from_transport(error) from error

    def _response(self, request: ModelRequest) -> Response:
        """A response of status 200, without what the provider objected to."""
        while True:
            before = self._concessions.made
            try:
                return self._post(request)
            except CallFailed as failure:
                if not self._concessions.objected(failure.text, request, before):
                    raise

    def _post(self, request: ModelRequest) -> Response:
        body = self._dialect.body(request)
        self._concessions.apply(body, request)
        response = post(self._endpoint.target, self._endpoint.head(), _json(body), self._limits, request.deadline)
        if response.status == 200:
            return response
        with response:
            raise from_status(response.status, response.headers, _rest_of(response), self.name)

    def _batches(self, response: Response, answer: Answer) -> Iterator[list[ModelEvent]]:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise bad_answer(self.name, "the answer is compressed although none was asked for")
        kind = response.headers.get("content-type", "").lower()
        if kind.startswith("application/json"):
            return iter(answer.whole(response.read(_MAX_COMPLETION_BYTES)))
        if kind.startswith("text/html"):
            raise bad_answer(self.name, "the answer is HTML: is the base URL right?")
        return _streamed(response, answer)


def _json(body: dict[str, Any]) -> bytes:
    """UTF-8, by the quick writer, which refuses halves of surrogate pairs."""
    try:
        return pydantic_core.to_json(body)
    except ValueError:
        return json_text(body).encode()


def _streamed(response: Response, answer: Answer) -> Iterator[list[ModelEvent]]:
    for _ in response.pump(answer.take):
        if answer.done:
            response.done()
        yield from answer.batches()
        if answer.over:
            break
    yield from answer.end()
    answer.check()


def _rest_of(response: Response) -> bytes:
    """The body of an error; one that cannot be read adds nothing."""
    try:
        return response.read(_MAX_ERROR_BYTES)
    except TransportError:
        return b""
