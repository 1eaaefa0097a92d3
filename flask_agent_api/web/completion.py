"""A run as one ``chat.completion`` object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..types import Batch
from ..types import Done
from ..types import Error
from ..types import TextDelta
from ..types import Usage
from .activity import agent_event
from .chunks import usage_object


def completion(batches: Iterable[Batch], id: str, created: int, model: str, preview: int) -> dict[str, Any]:
    """Collects a run to its end. Raises the error that it ended with.

    ``usage`` is left out when the agent reported none; ``agent_events`` lists the activity, if there was any. A client
    is told not to repeat a request that failed after tools have run.
    """
    text: list[str] = []
    activities: list[dict[str, Any]] = []
    usage: Usage | None = None
    finish_reason = "stop"
    for batch in batches:
        for event in batch:
            if isinstance(event, str):
                text.append(event)
            elif isinstance(event, TextDelta):
                text.append(event.text if event.depth == 0 else "")
            elif isinstance(event, Usage):
                usage = event if usage is None else usage + event
            elif isinstance(event, Done):
                finish_reason = event.finish_reason
            elif isinstance(event, Error):
                if any(activity["type"] == "tool_start" for activity in activities):
                    event.error.headers.setdefault("X-Should-Retry", "false")
                raise event.error
            elif (activity := agent_event(event, preview)) is not None:
                activities.append(activity)
    message = {"role": "assistant", "content": "".join(text), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
    body: dict[str, Any] = {"id": id, "object": "chat.completion", "created": created, "model": model}
    body["choices"] = [choice]
    if usage is not None:
        body["usage"] = usage_object(usage)
    if activities:
        body["agent_events"] = activities
    return body
