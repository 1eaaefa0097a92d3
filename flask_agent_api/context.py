"""Who asks, and what a run carries with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import ExitStack
from contextlib import nullcontext
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any
from typing import Protocol
from typing import TYPE_CHECKING

from .allowance import Allowance
from .allowance import UNLIMITED
from .records import RunRecord
from .settings import Settings
from .transcript import Transcript
from .types import Batch
from .types import Message
from .types import TextBatch

if TYPE_CHECKING:
    from .models.base import Model


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request.

    ``id`` names the caller and is fit for logs; ``user`` may hold the host app's own object. ``allowance`` is what the
    caller may do, and how much of it: everything by default.
    """

    id: str
    user: Any = field(default=None, compare=False, repr=False)
    allowance: Allowance = field(default=UNLIMITED, compare=False, repr=False)


ANONYMOUS = Principal("anonymous")
"""The caller where no keys are configured and the request comes from this machine."""


def _discard(batch: Batch) -> None:
    """Events of a context that belongs to no run have no reader."""


def _own_name(agent: Any) -> Sequence[str]:
    """Where nobody has given agents other names."""
    return [agent.name]


class ClientTurns(Protocol):
    """What one agent did for one caller in the turns that ended with calls of the client's tools."""

    def save(self, call_ids: Sequence[str], messages: Sequence[Message]) -> None:
        """Keeps the messages of a turn, under the ids of the calls that the client got."""
        ...

    def find(self, call_ids: Sequence[str]) -> list[Message] | None:
        """The messages of the turn that handed out these calls; None if there is none, or it was forgotten."""
        ...


class _NoTurns:
    """Nothing is kept for a context that belongs to no request."""

    def save(self, call_ids: Sequence[str], messages: Sequence[Message]) -> None: ...

    def find(self, call_ids: Sequence[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class PastConversation:
    """Another conversation: ``created`` is in seconds since 1970, ``length`` the number of its messages.

    The messages of a very long one may be missing in a list.
    """

    id: str
    created: float
    messages: Sequence[Message]
    length: int


class Conversations(Protocol):
    """The caller's other conversations with the agent that was asked for, as far as they are kept."""

    def list(self, limit: int) -> Sequence[PastConversation]:
        """The latest, the one that was used last first. Raises :class:`~flask_agent_api.errors.ToolError`."""
        ...

    def read(self, id: str) -> PastConversation | None:
        """The one of that id; None if there is none. Raises :class:`~flask_agent_api.errors.ToolError`."""
        ...


class _NoConversations:
    """A context that belongs to no request has none."""

    def list(self, limit: int) -> Sequence[PastConversation]:
        return ()

    def read(self, id: str) -> None: ...


@dataclass(slots=True)
class Spent:
    """What agents that share a limit have used of it so far; ``since`` is when the first of them began."""

    since: float
    tokens: int = 0
    cost: float = 0.0


@dataclass(slots=True)
class Budget:
    """What a run may still spend, its sub-agents included, and by name what it has spent where a file sets limits."""

    model_calls: int
    tool_calls: int
    pots: dict[str, Spent] = field(default_factory=dict)


@dataclass(slots=True)
class NextCall:
    """What tools want of the next model call of the agent that called them; the loop clears what it has done.

    With ``refresh_tools`` the agent's toolsets are asked for their tools and instructions again. ``model`` makes that
    one call in the place of the agent's own; ``picked`` makes all that follow, and stays until a tool takes it away.
    ``agent`` is who of the team goes on with the conversation; it has no use for the other three. ``stop`` says why
    there is to be no next call: the run ends. So it does with an ``answer``.
    """

    agent: str = ""
    refresh_tools: bool = False
    model: Model | None = None
    picked: Model | None = None
    stop: str = ""
    answer: str = ""


@dataclass(slots=True)
class RunContext:
    """The state of one run, given to agents and tools.

    ``deadline`` is on the monotonic clock, in seconds. ``emit`` sends a batch of events to the client at once, from
    inside a tool as well. ``state`` belongs to this run alone: a toolset keeps its data there under its own name.
    ``take_text`` is for the run's own agent and means the same as in a
    :class:`~flask_agent_api.models.base.ModelRequest`. ``ignored`` names what of the request has no effect; the
    header ``X-Agent-Ignored`` lists what is there when the response begins. ``next_call`` is where tools steer the
    agent that called them, ``on_end`` is where they leave what has to happen when the run ends, whichever way:
    callbacks, the last one first, that take seconds at the most, after which nothing of the run may go on. ``scope``
    makes the context manager that agents and tools run in: under Flask an app context. ``turns`` keeps what was done in
    turns that wait for the client's tools, ``transcript`` what the run adds to a conversation that is kept,
    ``conversations`` has the caller's others. ``record`` counts what the run does, for the log and for signals.
    ``depth`` counts delegations, ``chain`` names the agents on the way here. ``task`` names the auxiliary request
    of a chat UI that the run answers; it is empty in the run of an agent. ``safety`` is the strictest safety mode
    of the agents that were at work on the way here. ``headers`` has those of the request that may be passed on
    (``AGENT_API_FORWARD_HEADERS``), by name in lower case. ``names_of`` tells what clients call an agent of a team.
    """

    settings: Settings
    run_id: str = ""
    principal: Principal = ANONYMOUS
    deadline: float = float("inf")
    emit: Callable[[Batch], None] = _discard
    take_text: Callable[[TextBatch], bool] | None = None
    state: dict[str, Any] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    next_call: NextCall = field(default_factory=NextCall)
    on_end: ExitStack = field(default_factory=ExitStack)
    scope: Callable[[], AbstractContextManager[object]] = nullcontext
    turns: ClientTurns = field(default_factory=_NoTurns)
    transcript: Transcript | None = None
    conversations: Conversations = field(default_factory=_NoConversations)
    record: RunRecord = field(default_factory=RunRecord)
    budget: Budget = field(init=False)
    depth: int = 0
    chain: tuple[str, ...] = ()
    task: str = ""
    safety: str = "autonomous"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    names_of: Callable[[Any], Sequence[str]] = _own_name

    def __post_init__(self) -> None:
        self.budget = Budget(self.settings.max_model_calls, self.settings.max_tool_calls)

    def child(self, agent: str, emit: Callable[[Batch], None]) -> RunContext:
        """The context of an agent that this run delegates to: the same run, one level deeper."""
        child = replace(
            self, emit=emit, take_text=None, transcript=None, depth=self.depth + 1, chain=(*self.chain, agent)
        )
        child.budget = self.budget
        child.next_call = NextCall()
        return child

    @property
    def remaining(self) -> float:
        """Seconds until the run's deadline; never negative."""
        return max(0.0, self.deadline - time.monotonic())
