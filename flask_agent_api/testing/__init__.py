"""For tests of agents and of applications that serve them: a scripted model, a scripted provider, a stream reader."""

from __future__ import annotations

from .model import model_reply
from .model import ScriptedModel
from .model import tool_call
from .stream import collect_sse
from .stream import Stream
from .upstream import black_hole
from .upstream import CLOSE
from .upstream import FakeUpstream
from .upstream import flood
from .upstream import gate
from .upstream import HANG
from .upstream import pause
from .upstream import RESET

__all__ = [
    "CLOSE",
    "HANG",
    "RESET",
    "FakeUpstream",
    "ScriptedModel",
    "Stream",
    "black_hole",
    "collect_sse",
    "flood",
    "gate",
    "model_reply",
    "pause",
    "tool_call",
]
