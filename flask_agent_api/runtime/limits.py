"""How far an agent may go: what it may spend, how often it may repeat itself, how much it gets to read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..context import Budget
from ..context import Spent
from ..types import ToolCall
from ..types import Usage

_POLLING = frozenset({"view_background_agent", "list_background_agents", "view_background_job"})
"""Tools that look how far others are: to call them again and again is no repetition, as in docker-agent."""


@dataclass(frozen=True, slots=True)
class Pot:
    """What the agents that share it may spend together in one run; 0 stands for no limit.

    ``name`` is the place in the file, as messages have it. ``max_tokens`` counts what models read and write,
    ``max_time`` are seconds since the first of the agents began, ``max_cost`` are US dollars: only models cost anything
    whose prices the file has, or the setting PRICES.
    """

    name: str
    max_tokens: int = 0
    max_time: float = 0.0
    max_cost: float = 0.0


@dataclass(frozen=True, slots=True)
class AgentLimits:
    """The limits of one agent; 0 stands for none.

    After ``max_consecutive_tool_calls`` replies in a row with the same calls the run ends. ``num_history_items`` and
    ``max_old_tool_call_tokens`` are about what its model reads (:func:`~flask_agent_api.runtime.shortened.shortened`),
    ``max_tool_result_tokens`` about what is kept of each tool result. All ``pots`` hold, each for its own limits.
    """

    max_consecutive_tool_calls: int = 0
    num_history_items: int = 0
    max_old_tool_call_tokens: int = 0
    max_tool_result_tokens: int = 0
    pots: tuple[Pot, ...] = ()


class Meter:
    """Counts what one agent does with a conversation, and tells when it must stop."""

    def __init__(self, limits: AgentLimits, max_iterations: int) -> None:
        self.model_calls = 0
        self._limits = limits
        self._max_iterations = max_iterations
        self._last_calls: list[tuple[str, str]] = []
        self._times = 0

    def begin_model_call(self, budget: Budget, max_model_calls: int) -> str:
        """Counts a model call; the limit that forbids it, or ""."""
        if self._max_iterations and self.model_calls >= self._max_iterations:
            return f"{self._max_iterations} model calls"
        if budget.model_calls <= 0:
            return f"{max_model_calls} model calls"
        for pot in self._limits.pots:
            if limit := _used_up(pot, budget):
                return limit
        budget.model_calls -= 1
        self.model_calls += 1
        return ""

    def charge(self, budget: Budget, usage: Usage) -> None:
        """Takes what a model call used out of the pots."""
        for pot in self._limits.pots:
            spent = budget.pots[pot.name]
            spent.tokens += usage.prompt_tokens + usage.completion_tokens
            spent.cost += usage.cost

    def repeated(self, calls: Sequence[ToolCall]) -> str:
        """The limit of replies in a row with the same calls, if this one reached it, or ""."""
        made = [(call.name, call.arguments) for call in calls]
        if _POLLING.issuperset(name for name, _ in made):
            return ""
        self._times = self._times + 1 if made == self._last_calls else 1
        self._last_calls = made
        limit = self._limits.max_consecutive_tool_calls
        return f"{limit} identical calls of {calls[0].name} in a row" if limit and self._times >= limit else ""


def _used_up(pot: Pot, budget: Budget) -> str:
    """The limit of a pot that is reached, or "". Looked at between model calls: the last one may exceed it."""
    spent = budget.pots.setdefault(pot.name, Spent(time.monotonic()))
    if pot.max_cost and spent.cost >= pot.max_cost:
        return f"{pot.max_cost:g} dollars ({pot.name}.max_cost)"
    if pot.max_tokens and spent.tokens >= pot.max_tokens:
        return f"{pot.max_tokens} tokens ({pot.name}.max_tokens)"
    if pot.max_time and time.monotonic() - spent.since >= pot.max_time:
        return f"{pot.max_time:g} seconds ({pot.name}.max_time)"
    return ""
