"""The agent that answers an auxiliary request in another's place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from ...context import RunContext
from ...models.base import Model
from ...models.base import ModelRequest
from ...runtime.agent import Agent
from ...runtime.calls_seen import ModelCallSeen
from ...settings import Settings
from ...types import Batch
from ...types import Done
from ...types import RunRequest
from ...types import Usage
from ..schemas import ChatRequest
from .answer import answer
from .answer import as_text
from .kinds import Task
from .models import TaskModels
from .plain import plain_value
from .prompt import messages
from .recognise import recognise

MAX_TOKENS = 1_000
"""What the model may write, its reasoning included. What of it goes out is much shorter."""

_MAX_CHARS = 16_000


def agent_for_task(
    header: str | None, body: ChatRequest, agent: Agent, settings: Settings, models: TaskModels
) -> TaskAgent | None:
    """What answers a request in the agent's place if it is an auxiliary one; None for a chat."""
    task = recognise(header, body) if settings.tasks else None
    return TaskAgent(task, models.of(agent, settings), agent.name, agent.description) if task else None


class TaskAgent:
    """Answers one auxiliary request: by one call of ``model`` without tools, or without any if that is None.

    It looks like the agent that it stands for: ``name`` and ``description`` are that one's.
    """

    def __init__(self, task: Task, model: Model | None, name: str, description: str = "") -> None:
        self.task = task
        self.name = name
        self.description = description
        self._model = model

    def run(self, request: RunRequest, ctx: RunContext) -> Iterator[Batch]:
        """Yields what the call used, then the whole answer. Raises what the model raises."""
        if self._model is None:
            yield [as_text(self.task, plain_value(self.task)), Done()]
            return
        text = ""
        call = ModelRequest(messages(self.task), params={"max_tokens": MAX_TOKENS}, deadline=ctx.deadline)
        seen = ModelCallSeen(self._model, call, self.name, ctx)
        with seen, closing(self._model.stream(call)) as batches:  # type: ignore[type-var]
            for batch in batches:
                text += "".join(event for event in batch if isinstance(event, str))
                if used := [event for event in batch if isinstance(event, Usage)]:
                    seen.record.usage = sum(used, seen.record.usage)
                    yield list(used)
                if len(text) > _MAX_CHARS:
                    break
        yield [answer(self.task, text), Done()]
