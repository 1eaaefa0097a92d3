"""The toolset ``webhook``: messages of an agent, sent to the one address that its file names."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ...concurrency import sleep
from ...context import RunContext
from ...errors import NotAllowed
from ...errors import ToolError
from ...per_process import PerProcess
from ...redaction import keep_secret
from ...types import JSONSchema
from ...types import ToolResult
from ..arguments import text
from ..base import Tool
from ..http.client import Request
from ..http.client import SECONDS
from ..http.client import send
from ..http.exchange import Response
from ..http.headers import FileHeaders
from ..http.private import admit_home
from ..http.url import WebURL
from .payloads import PAYLOADS
from .sent import Sent

ATTEMPTS = 4
"""How often a message is sent until it is taken."""

ALL_SECONDS = 60.0
"""How long all attempts may take, with the pauses between them."""

FIRST_PAUSE = 0.5
"""Seconds before the second attempt, where the receiver does not say how long; twice as long before each other."""

MAX_CHARS = 40_000
"""Characters of a message: the most that any of the services takes."""

_ANSWER_BYTES = 64 * 1024
_ANSWER_CHARS = 200
_AGAIN = frozenset({408, 425, 429})
_INSTRUCTIONS = """\
send_webhook sends a message to where this agent's file says; you choose neither the receiver nor its login. It is \
tried again when that fails for a time, so do not repeat it yourself: the same message twice in a row is sent once."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where messages go. The URL is a secret with most services. ``seconds`` is for each attempt."""

    provider: str
    url: WebURL = field(repr=False)
    headers: FileHeaders = field(default_factory=FileHeaders)
    chat_id: str = ""
    seconds: float = SECONDS


class WebhookToolset:
    """The tool ``send_webhook``. It needs ``webhook`` in ``AGENT_API_ALLOW``."""

    kind = "webhook"

    def __init__(self, destination: Destination) -> None:
        self.name = destination.provider
        keep_secret(str(destination.url), destination.url.path)
        self._tools = (_SendWebhook(destination),)

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The one tool."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """What becomes of a message."""
        return _INSTRUCTIONS


class _SendWebhook:
    name = "send_webhook"
    description = "Send a message to the receiver that this agent is set up for. It is tried again if that fails."
    read_only = False
    timeout: float | None = math.inf  # the attempts have limits of their own
    needs = "webhook"
    parameters: JSONSchema = {
        "type": "object",
        "properties": {
            "message": {"type": "string", "description": "The message."},
            "value2": {"type": "string", "description": "The second value, for IFTTT only."},
            "value3": {"type": "string", "description": "The third value, for IFTTT only."},
        },
        "required": ["message"],
    }

    def __init__(self, destination: Destination) -> None:
        self._to = destination
        self._sent = PerProcess(Sent)

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult | str:
        """Sends the message, once for each caller in a while. Raises :class:`ToolError` for one that cannot be sent."""
        message = text(arguments, "message")
        if not message.strip():
            raise ToolError("message is required")
        if len(message) > MAX_CHARS:
            raise ToolError(f"a message may have {MAX_CHARS} characters, and this one has {len(message)}")
        body = json.dumps(PAYLOADS[self._to.provider](message, arguments, self._to.chat_id)).encode()
        sent, digest = self._sent.get(), hashlib.sha256(body).digest()
        if not sent.begin(ctx.principal.id, digest):
            return f"Suppressed: the same message was sent to the {self._to.provider} webhook a moment ago."
        delivered = False
        try:
            sleep(sent.turn(ctx.principal.id))
            told, delivered = self._deliver(body, ctx)
        finally:
            if not delivered:
                sent.failed(ctx.principal.id, digest)
        return told if delivered else ToolResult(told, True)

    def _deliver(self, body: bytes, ctx: RunContext) -> tuple[str, bool]:
        """What to tell the model, and whether the message was taken."""
        until = time.monotonic() + min(ALL_SECONDS, ctx.remaining)
        service = f"the {self._to.provider} webhook"
        for attempt in range(1, ATTEMPTS + 1):
            problem, pause = self._attempt(body, ctx, until)
            if not problem:
                return f"Delivered to {service} (attempt {attempt}/{ATTEMPTS}).", True
            if pause is None:
                return f"Delivery to {service} failed permanently: {problem}", False
            pause = pause or FIRST_PAUSE * 2 ** (attempt - 1)
            if attempt == ATTEMPTS or time.monotonic() + pause >= until:
                break
            sleep(pause)
        return f"Delivery to {service} failed after {attempt} attempt(s): {problem}", False

    def _attempt(self, body: bytes, ctx: RunContext, until: float) -> tuple[str, float | None]:
        """What went wrong, empty for nothing, and the seconds to wait: 0 for as you like, None for no other attempt."""
        seconds = max(0.01, min(self._to.seconds, until - time.monotonic()))
        url = self._to.url
        request = Request("POST", url, {}, self._to.headers.fill(ctx), body, seconds, _ANSWER_BYTES)
        try:
            response = send(request, admit_home(url, ctx, asked=None))
        except NotAllowed:
            raise
        except ToolError as exc:
            return f"request failed: {exc}", 0.0
        if 200 <= response.status < 300:
            return "", 0.0
        problem = f"HTTP {response.status}: {_beginning(response)}"
        return problem, _wait(response) if response.status in _AGAIN or response.status >= 500 else None


def _beginning(response: Response) -> str:
    try:
        answer = response.text().strip()
    except ToolError:
        answer = ""
    return (answer[:_ANSWER_CHARS] + "…" if len(answer) > _ANSWER_CHARS else answer) or "(no body)"


def _wait(response: Response) -> float:
    """The seconds that the receiver asks for; 0 if it does not say."""
    value = response.headers.get("retry-after", "").strip()
    return float(value) if value.isdecimal() and len(value) < 6 else 0.0
