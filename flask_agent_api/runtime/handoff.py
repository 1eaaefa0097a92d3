"""How a conversation goes on with another agent of the team: as the model wishes, or always after an answer."""

from __future__ import annotations

from typing import Any

from ..context import RunContext
from ..errors import ToolError
from ..types import JSONSchema
from ..types import Message
from .agent import ModelAgent
from .team_rights import check_member

_RULES = (
    "Your instructions and tools are your own: use none of the tools, and hand over to none of the agents, that you "
    "see in the conversation but were not given yourself. Go on from here: do your part, then answer, or hand over to "
    "an agent of yours that is to do the next part."
)


class Handoff:
    """``handoff`` of one agent: the same conversation goes on with the target's prompt, model and tools.

    The loop changes the agent when all calls of the reply have run. Of several handoffs in a reply the first counts.
    """

    name = "handoff"
    description = "Hand the conversation over to another agent, which goes on with it in your place."
    read_only = False
    timeout: float | None = None
    needs = ""

    def __init__(self, agent: ModelAgent) -> None:
        self._agent = agent
        self.parameters: JSONSchema = {
            "type": "object",
            "properties": {
                "agent": {"type": "string", "enum": list(agent.handoffs), "description": "Who takes over."},
            },
            "required": ["agent"],
        }

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Notes who takes over. Its result is for the newcomer. Raises :class:`ToolError`."""
        name = str(arguments.get("agent"))
        if name not in self._agent.handoffs:
            known = ", ".join(self._agent.handoffs)
            raise ToolError(f"there is no agent {name!r} that you can hand over to, only {known}")
        if ctx.next_call.agent:
            raise ToolError(f"the conversation goes to {ctx.next_call.agent!r} already; only one agent can have it")
        check_member(self._agent.team[name], ctx)
        ctx.next_call.agent = name
        return f"{self._agent.name} handed the conversation over to you, {name}. {_RULES}"


def forced_message(source: str, target: str) -> Message:
    """What the next agent of a fixed order reads in the place of a question."""
    text = f"{source} has finished, and the conversation is now yours, {target}, as it always is after that. {_RULES}"
    return {"role": "user", "content": text}


def last_of(agent: ModelAgent) -> ModelAgent:
    """Who ends the fixed order that an agent begins, and so gives the answer's last words; often the agent itself."""
    seen = {agent.name}
    while isinstance(following := agent.team.get(agent.force_handoff), ModelAgent) and following.name not in seen:
        agent = following
        seen.add(agent.name)
    return agent
