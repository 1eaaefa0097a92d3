"""Modes ``tool_calls`` and ``tool_role``: the wire shapes of docker-agent and tiny-agents, for clients made for them.

Not safe for others: most clients take ``tool_calls`` as calls that *they* must run, and the text of a ``tool`` role for
a part of the answer.
"""

from __future__ import annotations

import json
from typing import Any

from ...types import Event
from ...types import ToolCall
from ...types import ToolFinished
from ...types import ToolStarted
from .pieces import Piece
from .pieces import RawDelta
from .renderer import Renderer
from .tags import tool_call_info


class ToolCallsRenderer(Renderer):
    """A delta with the whole call for each that begins. Its arguments are ``{}`` if they exceed ``preview``."""

    def pieces(self, event: Event) -> list[Piece]:
        """One delta for a call."""
        if not isinstance(event, ToolStarted):
            return []
        function = {"name": event.call.name, "arguments": self._arguments(event.call)}
        call: dict[str, Any] = {"id": event.call.id, "type": "function", "function": function}
        self.calls += 1
        return [RawDelta({"tool_calls": [{"index": self.calls - 1, **call}]}, {"tool_calls": [call]})]

    def _arguments(self, call: ToolCall) -> str:
        """Clients parse them: they are shown whole or not at all."""
        try:
            json.loads(call.arguments)
        except (ValueError, RecursionError):
            return "{}"
        return call.arguments if len(call.arguments) <= self._preview else "{}"


class ToolRoleRenderer(Renderer):
    """A delta with the role ``tool`` for each call that has ended, with ``preview`` characters of the result.

    tiny-agents only streams; a whole answer shows nothing.
    """

    def pieces(self, event: Event) -> list[Piece]:
        """One delta for a result."""
        if not isinstance(event, ToolFinished):
            return []
        return [RawDelta({"role": "tool", "content": tool_call_info(event, self._preview)})]
