"""The agents that a server offers: names, the default, and which one a request's ``model`` picks."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import TypeVar

from ..allowance import Allowance
from ..errors import ConfigError
from ..errors import ModelNotFound
from .agent import Agent
from .callable_agent import CallableAgent

Function = TypeVar("Function", bound=Callable[..., Any])


class AgentRegistry:
    """Agents by the name that clients use. The first one added is the default."""

    def __init__(self) -> None:
        self._agents: dict[str, Agent] = {}
        self._frozen = False
        self.hidden: dict[str, Agent] = {}
        """Agents that are not offered, by the names that clients would use: those that :meth:`only` left out."""

    def add(self, agent: Agent, name: str | None = None) -> None:
        """Offers an agent, by ``name`` or else its own.

        Raises :class:`ConfigError` if the name is taken, empty, or the registry serves requests already.
        """
        name = name or agent.name
        if self._frozen:
            raise ConfigError(f"Agent {name!r} comes too late: the first request has been served. Add it at start.")
        if not name or not name.isprintable():
            raise ConfigError(f"{name!r} is no name for an agent")
        if name in self._agents:
            raise ConfigError(f"Two agents are called {name!r}. Rename one of them.")
        self._agents[name] = agent

    def agent(self, name: str, *, description: str = "") -> Callable[[Function], Function]:
        """Decorator that offers a function, generator, ``async def`` or async generator as an agent.

        See :class:`~flask_agent_api.runtime.callable_agent.CallableAgent` for what it may take and give.
        ``description`` defaults to the first line of the docstring. The function itself stays as it was.
        """

        def decorate(function: Function) -> Function:
            self.add(CallableAgent(function, name, description))
            return function

        return decorate

    def update(self, other: AgentRegistry) -> None:
        """Adds all agents of another registry. Raises :class:`ConfigError` for a name that is taken."""
        for name, agent in other.items():
            self.add(agent, name)

    def only(self, name: str) -> AgentRegistry:
        """A registry of that agent alone. Raises :class:`ConfigError` if there is none of that name."""
        if name not in self._agents:
            raise ConfigError(f"There is no agent {name!r}, only {', '.join(self._agents)}")
        only = AgentRegistry()
        only.add(self._agents[name], name)
        only.hidden = {other: agent for other, agent in self._agents.items() if other != name}
        return only

    def allowed(self, allowance: Allowance) -> AgentRegistry:
        """A registry of those that a caller may use. Whom it leaves out does not exist for him."""
        allowed = AgentRegistry()
        for name, agent in self._agents.items():
            if allowance.has_agent([name]):
                allowed.add(agent, name)
        return allowed

    def names_of(self, agent: Agent) -> list[str]:
        """What clients call an agent of a team. One that they cannot ask for has its own name if no other has it."""
        known = {**self.hidden, **self._agents}
        own = [] if agent.name in known else [agent.name]
        return [name for name, other in known.items() if other is agent] or own

    def freeze(self) -> None:
        """From now on nothing can be added."""
        self._frozen = True

    def items(self) -> Iterator[tuple[str, Agent]]:
        """Names and agents, in the order they were added."""
        return iter(list(self._agents.items()))

    def pick(self, model: str, *, fallback: bool = True) -> tuple[str, Agent]:
        """The agent that a request's ``model`` means: the one of that name, else the default.

        Raises :class:`ModelNotFound` if there is none, or none of that name and ``fallback`` is false.
        """
        if (found := self._agents.get(model)) is not None:
            return model, found
        if not self._agents or not fallback:
            raise ModelNotFound(f"The model {model!r} does not exist", param="model")
        return next(iter(self._agents.items()))

    def __len__(self) -> int:
        return len(self._agents)

    def __contains__(self, name: object) -> bool:
        return name in self._agents


agents = AgentRegistry()
"""The module-level registry: every app of the process offers what is in it when its first request comes."""
