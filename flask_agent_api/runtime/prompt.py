"""What a model gets to read: the agent's system message, then the conversation."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..concurrency import offload
from ..types import Message
from ..types import text_of
from .command import with_prompts
from .portable import portable
from .portable import SYSTEM_ROLES

if TYPE_CHECKING:
    from .agent import ModelAgent


def opening(agent: ModelAgent, messages: Sequence[Message]) -> tuple[list[str], list[Message]]:
    """What the client says as ``system`` in front, and the conversation as the agent's model can read it."""
    leading = 0
    while leading < len(messages) and messages[leading].get("role") in SYSTEM_ROLES:
        leading += 1
    client_says = [text_of(message.get("content")) for message in messages[:leading]] if leading else []
    rest = portable(messages[leading:])
    return client_says, with_prompts(rest, agent.commands) if agent.commands else rest


def system_messages(
    agent: ModelAgent, tool_instructions: Sequence[str], client_says: Sequence[str] = ()
) -> list[Message]:
    """The agent's own instructions and the client's as one system message; none if there is nothing to say.

    One message, since some OpenAI-compatible servers accept no second one. The order of its parts is docker-agent's:
    team, instruction, tools, date, environment, prompt files; what the client says comes last.
    """
    parts = [*map(str.strip, _instructions(agent, tool_instructions)), *client_says]
    system = "\n\n".join([part for part in parts if part.strip()])
    return [{"role": "system", "content": system}] if system else []


def _instructions(agent: ModelAgent, tool_instructions: Sequence[str]) -> Iterator[str]:
    if agent.sub_agents:
        yield _roster(agent)
    if agent.handoffs:
        yield _handoff_roster(agent)
    yield agent.instruction
    yield from tool_instructions
    if agent.add_date:
        yield f"Today is {datetime.date.today():%Y-%m-%d}."
    if agent.add_environment_info:
        yield _environment(agent.working_dir)
    if agent.prompt_files:
        yield from offload(agent.prompt_files.texts)


def _listed(agent: ModelAgent, names: Sequence[str]) -> str:
    return "\n".join(f"- {name}: {agent.team[name].description}" for name in names)


def _handoff_roster(agent: ModelAgent) -> str:
    return (
        f"You are {agent.name}, one of several agents. These can take the conversation over from you:\n"
        f"{_listed(agent, agent.handoffs)}\n"
        "Call handoff when one of them is to go on in your place, as it does at once: it sees the conversation so far "
        "and answers the user itself. Do what is yours to do before that."
    )


def _roster(agent: ModelAgent) -> str:
    return (
        f"You lead these agents:\n{_listed(agent, agent.sub_agents)}\n"
        "Call transfer_task to give one of them a task that fits it better than you. It sees nothing of this "
        "conversation, so the task must say everything it needs; its answer comes back to you as the result."
    )


def _environment(working_dir: str) -> str:
    folder = Path(working_dir or ".").resolve()
    is_repository = any((parent / ".git").exists() for parent in (folder, *folder.parents))
    return (
        f"Environment:\n- working directory: {folder}\n- git repository: {'yes' if is_repository else 'no'}\n"
        f"- operating system: {platform.system()}\n- CPU: {platform.machine()}"
    )
