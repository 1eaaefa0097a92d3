"""Signals about runs, for the app's own figures, traces and audits: ``run_finished.connect(receiver, app)``.

Receivers are called as ``receiver(app, run=...)``, ``receiver(app, call=...)`` or ``receiver(app, refused=...)`` with a
record of :mod:`.records`, in the task that does the work: what they wait for holds that run up. One that fails is
logged, and harms nothing.
"""

from __future__ import annotations

import logging

from blinker import NamedSignal
from blinker import Namespace

from .concurrency import FAILURES
from .records import ModelCallRecord
from .records import RefusedRecord
from .records import RunRecord
from .records import ToolCallRecord

logger = logging.getLogger("flask_agent_api.signals")
_signals = Namespace()

request_refused = _signals.signal(
    "agent-request-refused", "No run is started: ``refused`` is a :class:`.RefusedRecord`."
)
run_started = _signals.signal("agent-run-started", "A run is about to start: ``run`` is a :class:`.RunRecord`.")
run_finished = _signals.signal("agent-run-finished", "A run has ended, whichever way; the client has its last frame.")
model_call_started = _signals.signal("model-call-started", "A model is called: ``call`` is a :class:`.ModelCallRecord`")
model_call_finished = _signals.signal("model-call-finished", "A model call has ended, whichever way.")
tool_call_started = _signals.signal(
    "tool-call-started", "A tool is called, in a task of its own: ``call`` is a :class:`.ToolCallRecord`."
)
tool_call_finished = _signals.signal("tool-call-finished", "A tool call has ended, whichever way.")


def send_refused(refused: RefusedRecord) -> None:
    """Tells the receivers of :data:`request_refused`."""
    _send(request_refused, refused, refused=refused)


def send_run(signal: NamedSignal, run: RunRecord) -> None:
    """Tells the receivers of ``signal``, if there are any."""
    if signal.receivers:
        _send(signal, run, run=run)


def send_call(signal: NamedSignal, call: ModelCallRecord | ToolCallRecord) -> None:
    """Tells the receivers of ``signal``, if there are any."""
    if signal.receivers:
        _send(signal, call.run, call=call)


def _send(signal: NamedSignal, whose: RunRecord | RefusedRecord, **payload: object) -> None:
    for receiver in signal.receivers_for(whose.app):
        try:
            receiver(whose.app, **payload)
        except FAILURES:
            logger.exception("request %s: a receiver of %s failed", whose.id, signal.name)
