"""An agent as clients see it in the list of models."""

from __future__ import annotations

from typing import Any

from ..runtime.agent import Agent
from ..runtime.agent import ModelAgent


def model_object(name: str, agent: Agent, created: int) -> dict[str, Any]:
    """The agent as a model of OpenAI's, with what a chat UI may show of it where there is something to show."""
    model: dict[str, Any] = {"id": name, "object": "model", "created": created, "owned_by": "flask-agent-api"}
    extra: dict[str, Any] = {"description": agent.description}
    if isinstance(agent, ModelAgent):
        commands = [{"name": key, "description": command.description} for key, command in agent.commands.items()]
        extra |= {"welcome_message": agent.welcome_message, "commands": commands}
    return model | {key: value for key, value in extra.items() if value}
