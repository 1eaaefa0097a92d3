"""The vocabulary of a run: requests, tool calls, usage and the events that a run yields.

A run yields *batches*: lists of all events that are available without waiting, so that one read from a
model is one batch and one write to the client. In a batch a plain ``str`` is answer text of the exposed
agent; everything else is one of the event classes below.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Literal
from typing import TypeAlias

from .errors import AgentAPIError

Message: TypeAlias = dict[str, Any]
"""A chat message in OpenAI's shape: ``role``, ``content``, ``tool_calls``, ``tool_call_id``, ``name``."""

JSONSchema: TypeAlias = dict[str, Any]

FinishReason = Literal["stop", "length", "content_filter", "tool_calls", "function_call"]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What an agent is asked: the conversation so far and what the client set.

    ``params`` holds the fields of the request that go to the model call as they are (``temperature``,
    ``max_tokens``, ...); ``model`` is the name that the client sent, which need not be the agent's.

    ``tools`` are functions that the client runs itself, in OpenAI's shape: ``{"type": "function", "function": {...}}``.
    An agent calls them with :class:`ClientToolCalls`. ``tool_choice`` is ``"auto"``, or it forces one of them:
    ``"required"`` any, ``{"type": "function", "function": {"name": NAME}}`` the one of that name.

    The first ``kept`` messages are what this server has kept of the conversation, calls and results of its own tools
    included; those behind them are as the client sent them.
    """

    messages: Sequence[Message] = field(repr=False)
    params: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] = "auto"
    kept: int = 0

    @property
    def text(self) -> str:
        """The text of the last user message, its text parts joined by newlines; empty if there is none."""
        for message in reversed(self.messages):
            if message.get("role") == "user":
                return text_of(message.get("content"))
        return ""


def text_of(content: object) -> str:
    """The text of a message's ``content``, which is a string, a list of parts or null."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, dict))
    return "\n".join(text for text in parts if isinstance(text, str))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a tool; ``arguments`` is the JSON text as the model wrote it.

    ``extra`` are fields of the model's provider, which go back to it with the call, and to nobody else.
    """

    id: str
    name: str
    arguments: str
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""The types of images that models can look at."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for a model; ``data`` is base64."""

    media_type: str
    data: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back, as the model will read it; ``images`` are what it sees beside the text."""

    content: str = field(repr=False)
    is_error: bool = False
    images: tuple[Image, ...] = ()

    def __str__(self) -> str:
        return self.content


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or several model calls; sums with ``+``. As an event: what one model call used.

    ``cost`` is in US dollars, 0 where the price of a model is not known.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        if self is NO_USAGE:
            return other
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.cost + other.cost,
        )


NO_USAGE = Usage()
"""What sums begin with."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Text of an agent. ``depth`` 0 is the exposed agent's answer; deeper text belongs to a sub-agent."""

    text: str
    agent: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The model's own reasoning, as far as it shows it."""

    text: str
    agent: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """Why the agent does not answer in the format that the request wants. It goes to the message's ``refusal``."""

    text: str
    agent: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool call begins to run."""

    call: ToolCall
    agent: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool call ended; ``duration`` in seconds."""

    call: ToolCall
    result: ToolResult
    duration: float
    agent: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class AgentSwitched:
    """Another agent gets a task (``transfer``) and ends it (``transfer_end``), or the conversation (``handoff``).

    ``depth`` is that of the agent that gives. A task's own events are one level deeper, those behind a handoff are not:
    the newcomer's text is part of the same answer.
    """

    source: str
    target: str
    kind: Literal["transfer", "transfer_end", "handoff"]
    depth: int = 0


@dataclass(frozen=True, slots=True)
class ToolsetUnavailable:
    """A toolset could not be started; the agent goes on without its tools."""

    toolset: str
    reason: str
    agent: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class ClientToolCalls:
    """Calls of the client's own tools, which end the answer: what an agent yields behind them is not asked for.

    The client runs them and sends the conversation again, with a ``tool`` message for each call. ``arguments`` must be
    the JSON text of an object, and ids should be like no other id of the conversation. ``legacy`` is for answers in the
    form of the deprecated ``functions``, which has room for one call; agents leave it alone.
    """

    calls: Sequence[ToolCall]
    legacy: bool = False

    @property
    def finish_reason(self) -> FinishReason:
        """Why the answer ends with this event; without any call it just ends."""
        return "stop" if not self.calls else "function_call" if self.legacy else "tool_calls"


@dataclass(frozen=True, slots=True)
class Done:
    """The run ended with an answer; ``tool_calls`` if that is calls of the client's tools."""

    finish_reason: FinishReason = "stop"


@dataclass(frozen=True, slots=True)
class Error:
    """The run ended without an answer. The message of ``error`` is fit for clients."""

    error: AgentAPIError


Event: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolStarted
    | ToolFinished
    | AgentSwitched
    | ToolsetUnavailable
    | ClientToolCalls
    | Usage
    | Done
    | Error
)
Batch: TypeAlias = list[str | Event]


class TextBatch(list[Any]):
    """A batch known to be text alone, so that nobody need look at its items."""

    __slots__ = ()


def is_text(batch: Sequence[object]) -> bool:
    """Whether a batch is text alone, as most are. Quick: on the way of a stream it is asked for every read."""
    return type(batch) is TextBatch or {*map(type, batch)} == _TEXT


_TEXT: set[type] = {str}
