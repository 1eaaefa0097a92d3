"""What a caller may do, and how much of it."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .permissions import parse_rules
from .permissions import Permissions


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one caller may use of the server. None and 0 are no limit.

    ``agents`` are names of agents, or patterns such as ``support/*``, that he may ask and that may work for him in a
    team. ``tools`` are rules about tool calls as in ``AGENT_API_PERMISSIONS``: what none of them is about is denied.
    ``tool_activity`` are the modes that his requests may choose, the first one first. ``requests_per_minute`` counts
    the requests that run agents, ``streams`` those that are answered at the same time, streamed or not, and
    ``tokens_per_day`` what the models use of a day (UTC). Raises ValueError for a rule that names no tool.
    """

    agents: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    tool_activity: tuple[str, ...] | None = None
    requests_per_minute: int = 0
    streams: int = 0
    tokens_per_day: int = 0

    def __post_init__(self) -> None:
        self.rules()

    @property
    def is_counted(self) -> bool:
        """Whether anything has to be counted for it."""
        return bool(self.requests_per_minute or self.streams or self.tokens_per_day)

    def has_agent(self, names: Iterable[str]) -> bool:
        """Whether an agent that goes by these names may be used."""
        if self.agents is None:
            return True
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.agents)

    def rules(self) -> Permissions | None:
        """The ``tools`` as rules that allow; None if there is no limit."""
        return None if self.tools is None else _allowing(tuple(self.tools))


@functools.lru_cache(maxsize=1000)
def _allowing(tools: tuple[str, ...]) -> Permissions:
    return Permissions(allow=parse_rules(tools))


UNLIMITED = Allowance()
"""Everything, and as much as the server has."""
