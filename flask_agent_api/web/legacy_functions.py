"""Answers for clients that know ``functions`` alone, the forerunner of ``tools``: one call at a time, without an id."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import closing

from ..context import RunContext
from ..runtime.agent import Agent
from ..runtime.batches import as_batches
from ..types import Batch
from ..types import ClientToolCalls
from ..types import Done
from ..types import Event
from ..types import RunRequest


class LegacyFunctions:
    """An agent for one request, whose calls of the client's tools come as a ``function_call``."""

    def __init__(self, agent: Agent) -> None:
        self.name = agent.name
        self.description = agent.description
        self._agent = agent

    def run(self, request: RunRequest, ctx: RunContext) -> Iterator[Batch]:
        """Runs the agent; of several calls at once the client gets the first."""
        with closing(as_batches(self._agent.run(request, ctx))) as batches:
            for batch in batches:
                yield [_legacy(event) for event in batch] if type(batch[-1]) is Done else batch


def _legacy(event: str | Event) -> str | Event:
    if isinstance(event, ClientToolCalls):
        return dataclasses.replace(event, calls=event.calls[:1], legacy=True)
    return event
