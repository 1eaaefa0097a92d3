"""The model call that tiny-agents' own loop makes after an answer that follows tool calls: only tool calls count."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from ..errors import ModelError
from ..models.base import ModelEvent
from ..models.base import ToolCallDelta
from ..types import Usage

MAX_TURNS = 10
"""After so many model calls an answer in text is the last, as there."""

logger = logging.getLogger("flask_agent_api.runner")


def calls_only(stream: Iterator[list[ModelEvent]]) -> Iterator[list[ModelEvent]]:
    """The stream if it begins with a tool call, else nothing. A failure means nothing, too: there is an answer."""
    seen: list[list[ModelEvent]] = []
    try:
        for batch in stream:
            seen.append(batch)
            if first := next((event for event in batch if not isinstance(event, Usage)), None):
                break
        else:
            return
    except ModelError as exc:
        logger.info("the extra model call failed: %s", exc.message)
        return
    if isinstance(first, ToolCallDelta):
        yield from seen
        yield from stream
