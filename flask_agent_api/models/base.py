"""What a model is to an agent: something that streams an answer to a list of messages."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Protocol
from typing import TypeAlias

from ..types import Message
from ..types import ReasoningDelta
from ..types import RefusalDelta
from ..types import TextBatch
from ..types import Usage


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One model call. ``tools`` are in OpenAI's shape; ``params`` are sampling settings and the like.

    ``deadline`` is when the run ends, on the monotonic clock, in seconds. ``take_text`` may be given text as soon as
    it is there, in place of its being yielded; false: it was not taken. It never waits, and may be called outside of
    the caller's task, but only while the caller waits for the next batch.
    """

    messages: Sequence[Message] = field(repr=False)
    tools: Sequence[Mapping[str, Any]] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    deadline: float = float("inf")
    take_text: Callable[[TextBatch], bool] | None = None


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call. The first one of an ``index`` has the name; ids may be empty.

    ``extra`` holds fields of the provider's own, which it may want back with the call.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The model ended its answer; ``reason`` is one of OpenAI's finish reasons."""

    reason: str


ModelEvent: TypeAlias = str | ReasoningDelta | RefusalDelta | ToolCallDelta | Usage | Finish
"""A plain ``str`` is text of the answer."""


class Model(Protocol):
    """A chat model. Implementations hold no state of a call and are shared by all runs of a process."""

    @property
    def name(self) -> str: ...

    def stream(self, request: ModelRequest) -> Iterator[list[ModelEvent]]:
        """Yields batches: events that one read from the model gave. Exactly one :class:`Finish` comes.

        Closing the iterator ends the call. Raises :class:`~flask_agent_api.errors.ModelError`.
        """
        ...
