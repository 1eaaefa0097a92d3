"""What a docker-agent file says about what its agents may do: ``permissions``, ``safety`` and ``hooks``."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping

from ...permissions import parse_rule
from ...permissions import Permissions
from ...permissions import Rule
from ...runtime.agent import Agent
from ...runtime.agent import ModelAgent
from ...runtime.policy import Policy
from ...settings import SAFETY
from ...tools.deferred import innermost
from ...tools.traits import TRAIT_NAMES
from ...tools.traits import traits_of
from ..section import Section
from .fields import PERMISSIONS
from .fields import RUNTIME
from .hooks import HookLoader


class PolicyLoader:
    """Reads the parts of one file that are about all of its agents.

    Raises :class:`ConfigError` for a rule that is none and for an unknown mode.
    """

    def __init__(self, top: Section, hooks: HookLoader) -> None:
        self._hooks = hooks
        permissions = top.section("permissions")
        permissions.check(PERMISSIONS)
        for name in permissions.data:  # a list that is not read would deny nothing
            if PERMISSIONS.kind(name) is None:
                raise permissions.error(name, f"unknown field; there are {', '.join(PERMISSIONS)}")
        self._permissions = Permissions(**{name: _rules(permissions, name) for name in ("allow", "ask", "deny")})
        self._runtime = top.section("runtime")
        self._runtime.check(RUNTIME)

    def of(self, agent: Section) -> Policy:
        """The policy of one agent: its own ``safety``, else that of ``runtime``, and its own hooks."""
        safety = agent.text("safety") or self._runtime.text("safety") or SAFETY[-1]
        return Policy(self._permissions, safety, self._hooks.of(agent))


def _rules(permissions: Section, name: str) -> tuple[Rule, ...]:
    try:
        return tuple(map(parse_rule, permissions.texts(name)))
    except ValueError as exc:
        raise permissions.error(name, str(exc)) from exc


def risks(agents: Mapping[str, Agent]) -> Iterator[str]:
    """A warning for each agent that strangers may talk into giving away secrets, itself or through its sub-agents."""
    declared = {name: agent for name, agent in agents.items() if isinstance(agent, ModelAgent)}
    own = {name: traits_of(_kinds(agent)) for name, agent in declared.items()}
    able = [_with_leads({name for name in own if getattr(own[name], trait)}, declared) for trait in TRAIT_NAMES]
    for name in declared:
        if all(name in names for names in able):
            yield (
                f"agents.{name}: its tools and its sub-agents' together read private data, read what strangers write, "
                "and send things out; such text may talk it into sending that data (docs/safety.md)"
            )


def _kinds(agent: ModelAgent) -> set[str]:
    """The types of its toolsets, of those with deferred tools too."""
    return {each.kind for toolset in agent.toolsets for each in innermost(toolset)}


def _with_leads(names: set[str], agents: Mapping[str, ModelAgent]) -> set[str]:
    """The agents of these names, and all that may delegate to them, directly or not."""
    leads: dict[str, list[str]] = {}
    for lead, agent in agents.items():
        for name in agent.sub_agents:
            leads.setdefault(name, []).append(lead)
    found, waiting = set(names), list(names)
    while waiting:
        new = set(leads.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found
