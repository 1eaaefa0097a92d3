"""The limits of agents in docker-agent files: budgets, repeated calls, and how much a model gets to read."""

from __future__ import annotations

from ...runtime.limits import AgentLimits
from ...runtime.limits import Pot
from ..durations import seconds
from ..section import did_you_mean
from ..section import Section
from .fields import BUDGET

IDENTICAL_CALLS = 5
"""``max_consecutive_tool_calls`` where a file sets none, as in docker-agent."""


class LimitLoader:
    """Reads the limits of one file: ``budget`` holds for all agents, each of ``budgets`` for those that name it.

    ``priced``: the operator has prices of models. Raises :class:`ConfigError` for a budget that is wrong, whether it is
    used or not.
    """

    def __init__(self, top: Section, *, priced: bool = False) -> None:
        named = top.section("budgets")
        self._run = _pot(top.section("budget"), "budget") if top.has("budget") else None
        self._pots = {name: _pot(named.section(name), f"budgets.{name}") for name in named.data}
        pots = [self._run, *self._pots.values()] if self._run else self._pots.values()
        models = top.section("models")
        priced = priced or any(isinstance(model, dict) and model.get("cost") for model in models.data.values())
        if not priced and (pot := next((pot for pot in pots if pot.max_cost), None)):
            top.warn(
                pot.name.partition(".")[0], f"{pot.name}.max_cost has no effect: no model of the file has a `cost`"
            )

    def of(self, agent: Section) -> AgentLimits:
        """The limits of one agent. Raises :class:`ConfigError` for a budget that the file does not have."""
        return AgentLimits(
            max_consecutive_tool_calls=agent.data.get("max_consecutive_tool_calls") or IDENTICAL_CALLS,
            num_history_items=_count(agent, "num_history_items"),
            max_old_tool_call_tokens=_count(agent, "max_old_tool_call_tokens"),
            max_tool_result_tokens=_count(agent, "max_tool_result_tokens"),
            pots=(*((self._run,) if self._run else ()), *(self._named(agent, name) for name in _names(agent))),
        )

    def _named(self, agent: Section, name: str) -> Pot:
        if name in self._pots:
            return self._pots[name]
        hint = did_you_mean(name, self._pots) or "; `budgets` at the top of the file defines them"
        raise agent.error("budgets", f'there is no budget "{name}"{hint}')


def _names(agent: Section) -> list[str]:
    return list(dict.fromkeys(agent.texts("budgets")))


def _pot(section: Section, name: str) -> Pot:
    section.check(BUDGET)
    return Pot(
        name,
        max_tokens=_count(section, "max_tokens"),
        max_time=seconds(section.data.get("max_time") or 0),
        max_cost=float(section.data.get("max_cost") or 0),
    )


def _count(section: Section, key: str) -> int:
    """A limit; what is not above 0 stands for none."""
    return max(0, section.data.get(key) or 0)
