"""Figures and traces of runs, for Prometheus and OpenTelemetry: receivers of :mod:`..signals`, as any app may have."""

from __future__ import annotations

from typing import Any

from ..settings import Settings


def watch(app: Any, settings: Settings) -> None:
    """Has the runs of ``app`` counted and traced, as far as the settings say so. Imports what that needs."""
    if settings.metrics:
        from . import metrics

        metrics.watch(app)
    if settings.traces:
        from . import tracing

        tracing.watch(app)
