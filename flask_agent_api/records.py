"""What is counted and timed of a run while it goes on: for the log, and for receivers of :mod:`.signals`.

Records are written where things happen, never for each piece of text.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from .errors import AgentAPIError
from .types import Message
from .types import NO_USAGE
from .types import ToolCall
from .types import ToolResult
from .types import Usage


@dataclass(slots=True, eq=False)
class RunRecord:
    """One run, its sub-agents' work included.

    ``app`` is the Flask app, ``agent`` the name by which clients know the agent, ``task`` the kind of a chat UI's
    auxiliary request. It has ``begun`` unless the request was refused. ``traceparent`` and ``tracestate`` are headers
    of the request (W3C Trace Context). Times are seconds: ``started`` on the monotonic clock, ``seconds`` from there
    to the end, ``first_text`` to the first text of the answer, None without any. ``end`` is ``done``, ``error`` or
    why the run was ended from outside, ``error`` the code that the client got. ``charge``, where there is one, is told
    of the tokens that each model call used, or may have used. ``notes`` is for receivers.
    """

    app: Any = None
    id: str = ""
    agent: str = ""
    principal: str = ""
    task: str = ""
    traceparent: str = ""
    tracestate: str = ""
    started: float = field(default_factory=time.monotonic)
    begun: bool = False
    model_calls: int = 0
    tool_calls: int = 0
    usage: Usage = NO_USAGE
    first_text: float | None = None
    seconds: float = 0.0
    end: str = ""
    error: str = ""
    charge: Callable[[Usage], object] | None = field(default=None, repr=False)
    notes: dict[str, Any] = field(default_factory=dict)

    def add_usage(self, usage: Usage) -> None:
        """Adds what one model call used."""
        self.usage += usage
        if self.charge is not None:
            self.charge(usage)


@dataclass(slots=True, eq=False)
class ModelCallRecord:
    """One call of a model, retries included.

    ``parent`` is the tool call that it was made in, by a sub-agent for example, or the run. ``error`` is a code, or
    ``cancelled``. ``messages`` and ``text`` are what was said: not for logs.
    """

    run: RunRecord
    agent: str
    model: str
    messages: Sequence[Message] = field(default=(), repr=False)
    parent: ToolCallRecord | RunRecord | None = None
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    usage: Usage = NO_USAGE
    finish_reason: str = ""
    error: str = ""
    text: str = field(default="", repr=False)
    notes: dict[str, Any] = field(default_factory=dict)

    def end(self, error: BaseException | None) -> None:
        """Takes the time, and the code of what the call failed with."""
        self.seconds = time.monotonic() - self.started
        self.error = "" if error is None else _code(error)


@dataclass(slots=True, eq=False)
class ToolCallRecord:
    """One call of a tool of the server. ``known`` is false if there is no tool of that name: models make some up.

    ``parent`` is as in :class:`ModelCallRecord`. ``usage`` is that of models which the tool itself called, to embed
    or to rank texts. ``call.arguments`` and ``result.content`` are not for logs.
    """

    run: RunRecord
    agent: str
    call: ToolCall = field(repr=False)
    known: bool
    parent: ToolCallRecord | RunRecord | None = None
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    result: ToolResult | None = field(default=None, repr=False)
    usage: Usage = NO_USAGE
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether the model got an error."""
        return self.result is None or self.result.is_error


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """One request that no run was started for: ``status`` and ``code`` are what its client got.

    ``app`` is the Flask app, ``id`` that of the response's ``X-Request-Id``, ``principal`` who asked, as far as known.
    """

    app: Any
    id: str
    status: int
    code: str
    principal: str


tool_at_work: ContextVar[ToolCallRecord | None] = ContextVar("flask_agent_api_tool_at_work", default=None)
"""The tool call whose task this is. Set once in each such task, which has context variables of its own."""


def _code(error: BaseException) -> str:
    if isinstance(error, AgentAPIError):
        return error.code or "error"
    return "error" if isinstance(error, Exception) else "cancelled"
