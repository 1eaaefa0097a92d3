"""A remote agent: its card, and questions that it is asked."""

from __future__ import annotations

import contextvars
import json
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ...concurrency import sleep
from ...concurrency import spawn
from ...errors import ToolError
from ...types import ToolResult
from ..http.client import Admit
from ..http.client import Request
from ..http.client import send
from ..http.exchange import Response
from ..http.url import WebURL
from .card import Card
from .card import card_urls
from .card import Endpoint
from .card import read_card
from .reply import read_reply

_CARD_SECONDS = 15.0
_CANCEL_SECONDS = 5.0
_MAX_BYTES = 12 * 1024 * 1024
_MOST_CHARS = 500
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


def fetch_card(base: WebURL, headers: Mapping[str, str], admit: Admit) -> Card:
    """The card of the agent at an address. Raises :class:`ToolError` if it cannot be had."""
    for url in card_urls(base):
        response = send(Request("GET", url, {"Accept": "application/json"}, headers, seconds=_CARD_SECONDS), admit)
        if response.status != 404:
            return read_card(_json(response), base)
    raise ToolError(f"{base.host} has no agent card at {card_urls(base)[0]}")


@dataclass(frozen=True, slots=True)
class RemoteAgent:
    """An agent as one caller reaches it."""

    endpoint: Endpoint
    headers: Mapping[str, str] = field(repr=False)
    admit: Admit = field(repr=False)

    def ask(self, text: str, seconds: float) -> ToolResult:
        """Sends a text and waits for the answer, for so many seconds at the most.

        Whatever ends the wait early, the agent is told to give its task up. Raises :class:`ToolError`.
        """
        until = time.monotonic() + seconds
        dialect = self.endpoint.dialect
        reply = read_reply(self._call(dialect.send, dialect.message(text), seconds))
        task = {"id": reply.task_id}
        pause = _FIRST_PAUSE
        try:
            while reply.under_way:
                left = until - time.monotonic()
                if left <= 0 or not reply.task_id:
                    raise ToolError(f"the agent did not finish within {seconds:.3g} seconds")
                sleep(min(pause, left))
                pause = min(pause * 1.5, _LONGEST_PAUSE)
                reply = read_reply(self._call(dialect.get, task, max(left, 1.0)))
        finally:
            if reply.under_way and reply.task_id:
                # Nobody waits for this, so that a run that has been ended is over at once.
                contextvars.Context().run(spawn, self._give_up, task)
        return reply.result()

    def _give_up(self, task: Mapping[str, str]) -> None:
        with suppress(ToolError):
            self._call(self.endpoint.dialect.cancel, task, _CANCEL_SECONDS)

    def _call(self, method: str, params: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """The result of a JSON-RPC call. Raises :class:`ToolError`."""
        url, dialect = self.endpoint.url, self.endpoint.dialect
        if self.endpoint.tenant:
            params = {"tenant": self.endpoint.tenant, **params}
        body = json.dumps({"jsonrpc": "2.0", "id": uuid.uuid4().hex, "method": method, "params": params}).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json", **dialect.headers}
        answer = _json(send(Request("POST", url, headers, self.headers, body, seconds, _MAX_BYTES), self.admit))
        result = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(result, dict):
            raise ToolError(f"the agent at {url.host} answered {_error(answer)}")
        return result


def _json(response: Response) -> Any:
    """The content; an error of JSON-RPC may come with any status. Raises :class:`ToolError`."""
    host = response.url.host
    if response.status in {401, 403}:
        raise ToolError(f"{host} answered HTTP {response.status}: check the headers that are configured for it")
    if response.cut:
        raise ToolError(f"{host} answered more than can be read here")
    try:
        data = json.loads(response.content)
    except (ValueError, RecursionError):
        data = None
    if response.status >= 400 and not (isinstance(data, dict) and isinstance(data.get("error"), dict)):
        raise ToolError(f"{host} answered HTTP {response.status} {response.reason}".rstrip())
    if data is None:
        raise ToolError(f"{host} did not answer in JSON")
    return data


def _error(answer: Any) -> str:
    """The error in an answer without a result, in one line."""
    error = answer.get("error") if isinstance(answer, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return f"with an error: {' '.join(message.split())[:_MOST_CHARS]}" if isinstance(message, str) else "nothing"
