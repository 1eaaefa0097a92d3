"""Figures for Prometheus, with the extra ``metrics``. Import this only where they are wanted."""

from __future__ import annotations

import os
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client import Counter
from prometheus_client import Gauge
from prometheus_client import generate_latest
from prometheus_client import Histogram
from prometheus_client import REGISTRY
from prometheus_client.multiprocess import MultiProcessCollector

from ..concurrency import offload
from ..records import ModelCallRecord
from ..records import RefusedRecord
from ..records import RunRecord
from ..records import ToolCallRecord
from ..signals import model_call_finished
from ..signals import request_refused
from ..signals import run_finished
from ..signals import run_started
from ..signals import tool_call_finished

MOST_NAMES = 200
"""Tools, models and codes that have figures of their own; the rest are ``other``. Servers of tools may invent names."""

CONTENT_TYPE = CONTENT_TYPE_LATEST

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with the folder where the processes of a server leave their figures for each other."""

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

RUNS = Counter(
    "agent_api_runs",
    "Runs that ended. kind is chat, or task for titles and the like.",
    ["agent", "kind", "end"],
)
IN_PROGRESS = Gauge("agent_api_runs_in_progress", "Runs at work.", ["agent"], multiprocess_mode="livesum")
REFUSED = Counter(
    "agent_api_refused", "Requests that no run was started for, by what their clients got.", ["status", "code"]
)
SECONDS = Histogram("agent_api_run_seconds", "From a chat's start to its end.", ["agent"], buckets=_SECONDS)
FIRST_TEXT = Histogram(
    "agent_api_first_text_seconds", "From a chat's start to the first text of its answer.", ["agent"], buckets=_SECONDS
)
TOKENS = Counter("agent_api_tokens", "Tokens. Cached ones are prompt, too, reasoning completion.", ["agent", "kind"])
COST = Counter("agent_api_cost_dollars", "What runs cost, as far as prices are known.", ["agent"])
MODEL_SECONDS = Histogram(
    "agent_api_model_call_seconds", "Calls of models, retries included.", ["model"], buckets=_SECONDS
)
MODEL_ERRORS = Counter("agent_api_model_errors", "Calls of models that failed.", ["model", "code"])
TOOL_SECONDS = Histogram("agent_api_tool_call_seconds", "Calls of tools.", ["tool"], buckets=_SECONDS)
TOOL_ERRORS = Counter("agent_api_tool_errors", "Calls of tools whose result was an error.", ["tool"])

_codes: set[str] = set()
_models: set[str] = set()
_tools: set[str] = set()


def watch(app: Any) -> None:
    """From now on counts what runs of ``app`` do; harmless when repeated."""
    request_refused.connect(_request_refused, app)
    run_started.connect(_run_started, app)
    run_finished.connect(_run_finished, app)
    model_call_finished.connect(_model_call_finished, app)
    tool_call_finished.connect(_tool_call_finished, app)


def exposition() -> bytes:
    """All figures in Prometheus' text format, those of other processes of the server included where they can be had."""
    return offload(_of_all_processes) if FOLDER in os.environ else bytes(generate_latest(REGISTRY))


def _of_all_processes() -> bytes:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    text: bytes = generate_latest(registry)
    return text


def _request_refused(app: Any, refused: RefusedRecord) -> None:
    REFUSED.labels(refused.status, _bounded(refused.code, _codes)).inc()


def _run_started(app: Any, run: RunRecord) -> None:
    IN_PROGRESS.labels(run.agent).inc()


def _run_finished(app: Any, run: RunRecord) -> None:
    agent, usage = run.agent, run.usage
    IN_PROGRESS.labels(agent).dec()
    RUNS.labels(agent, "task" if run.task else "chat", run.end).inc()
    if not run.task:
        SECONDS.labels(agent).observe(run.seconds)
        if run.first_text is not None:
            FIRST_TEXT.labels(agent).observe(run.first_text)
    for kind in ("prompt", "completion", "cached", "reasoning"):
        if tokens := getattr(usage, f"{kind}_tokens"):
            TOKENS.labels(agent, kind).inc(tokens)
    if usage.cost:
        COST.labels(agent).inc(usage.cost)


def _model_call_finished(app: Any, call: ModelCallRecord) -> None:
    model = _bounded(call.model, _models)
    MODEL_SECONDS.labels(model).observe(call.seconds)
    if call.error and call.error != "cancelled":
        MODEL_ERRORS.labels(model, call.error).inc()


def _tool_call_finished(app: Any, call: ToolCallRecord) -> None:
    tool = _bounded(call.call.name, _tools) if call.known else "unknown"
    TOOL_SECONDS.labels(tool).observe(call.seconds)
    if call.failed:
        TOOL_ERRORS.labels(tool).inc()


def _bounded(name: str, names: set[str]) -> str:
    if name not in names:
        if len(names) >= MOST_NAMES:
            return "other"
        names.add(name)
    return name
