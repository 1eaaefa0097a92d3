"""What is told of a run: a line in the log, and signals at its beginning and end."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Any

from ..records import RunRecord
from ..signals import run_finished
from ..signals import send_run
from ..types import Batch
from ..types import Error
from ..types import TextBatch
from ..types import TextDelta
from ..visible import visible
from .cancel_reason import CLIENT_GONE
from .cancel_reason import REQUESTED

logger = logging.getLogger("flask_agent_api.run")

_AS_WISHED = {"done", CLIENT_GONE.name, REQUESTED.name}
"""Ends of runs that are nobody's failure."""

MOST_NAME = 128
"""Characters of a name in a line of the log."""


def until_text(
    give: Callable[[Batch], Any], record: RunRecord, then: Callable[[Callable[[Batch], Any]], object]
) -> Callable[[Batch], Any]:
    """``give``, but for a note in ``record`` when the first text comes; ``then`` gets ``give`` itself, to go on with.

    So text costs nothing from then on.
    """

    def look(batch: Batch) -> Any:
        if _has_text(batch):
            note_text(record)
            then(give)
        return give(batch)

    return look


def note_text(record: RunRecord) -> None:
    """Notes when the first text of the answer came, if that is now."""
    if record.first_text is None:
        record.first_text = time.monotonic() - record.started


def tell_end(record: RunRecord, last: Batch, cancelled: str) -> None:
    """Completes the record of a run that ended with the batch ``last``; ``cancelled`` says why, if from outside."""
    end = last[-1]
    if record.first_text is None and not cancelled and _has_text(last):
        note_text(record)
    record.seconds = time.monotonic() - record.started
    record.end = cancelled or ("error" if isinstance(end, Error) else "done")
    record.error = (end.error.code or end.error.type) if isinstance(end, Error) else ""
    send_run(run_finished, record)
    level = logging.INFO if record.end in _AS_WISHED else logging.WARNING
    if logger.isEnabledFor(level):
        _log(record, level)


def _has_text(batch: Batch) -> bool:
    if type(batch) is TextBatch:
        return True
    return any(type(event) is str or (type(event) is TextDelta and event.depth == 0) for event in batch)


def _log(record: RunRecord, level: int) -> None:
    """A line that says nothing of the place in the code: to find that out costs more than all the rest."""
    fields = run_fields(record)
    shown = [f"{k}={visible(v) if type(v) is str else v}" for k, v in fields.items() if v not in ("", None)]
    now = time.time()
    line = logging.LogRecord.__new__(logging.LogRecord)
    line.__dict__ |= _LINE | {
        "msg": f"run {record.id} {' '.join(shown)}", "created": now, "msecs": now % 1 * 1000, "process": os.getpid(),
        "levelno": level, "levelname": logging.getLevelName(level),
        "fields": {"event": "run", "request_id": record.id, **fields},
    }  # fmt: skip
    logger.handle(line)


_LINE = vars(logging.LogRecord(logger.name, logging.INFO, "", 0, "", None, None))
"""What all lines have in common."""


def run_fields(record: RunRecord) -> dict[str, Any]:
    """What the log says of a run: names, counts and times, and nothing that anybody said."""
    usage, first = record.usage, record.first_text
    return {
        "agent": record.agent[:MOST_NAME],
        "task": record.task,
        "end": record.end,
        "seconds": round(record.seconds, 3),
        "first_text_seconds": None if first is None else round(first, 3),
        "principal": record.principal[:MOST_NAME],
        "error": record.error if record.end == "error" else "",
        "model_calls": record.model_calls,
        "tool_calls": record.tool_calls,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cost": round(usage.cost, 6) if usage.cost else None,
        "trace_id": _trace_id(record.traceparent),
    }


def _trace_id(traceparent: str) -> str:
    """That of a W3C ``traceparent``, if it is well-formed enough to be one."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 and parts[1].isalnum() else ""
