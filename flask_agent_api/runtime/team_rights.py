"""Which agents of a team may work for the caller of a run. His key says so, or the host app (:class:`Allowance`)."""

from __future__ import annotations

import logging

from ..context import RunContext
from ..errors import AccessDenied
from ..errors import NotAllowed
from .agent import Agent

logger = logging.getLogger("flask_agent_api.audit")


def check_member(agent: Agent, ctx: RunContext) -> None:
    """Before an agent gets a task or the conversation by a tool. Raises :class:`NotAllowed`, for the model."""
    if not _may_use(agent, ctx):
        message = f"The agent {agent.name!r} is not allowed for this user. Go on without it."
        raise NotAllowed(message, "the caller's agents")


def require_speaker(agent: Agent, ctx: RunContext) -> None:
    """Before an agent takes the conversation over, however that came. Raises :class:`AccessDenied`, for the client."""
    if not _may_use(agent, ctx):
        message = f"The agent {agent.name!r}, which has to go on with this conversation, is not allowed for you."
        raise AccessDenied(message, code="agent_not_allowed", param="model")


def _may_use(agent: Agent, ctx: RunContext) -> bool:
    allowance = ctx.principal.allowance
    if allowance.agents is None or allowance.has_agent(ctx.names_of(agent)):
        return True
    logger.info("agent run=%s principal=%.100r agent=%.100r denied", ctx.run_id, ctx.principal.id, agent.name)
    return False
