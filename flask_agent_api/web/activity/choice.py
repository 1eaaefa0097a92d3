"""Which mode a request gets: its body, its header, the model's name, the agent and the server say so, in this order."""

from __future__ import annotations

import dataclasses
from collections.abc import Container
from collections.abc import Mapping
from typing import Any

from ...errors import RequestError
from ...settings import Settings
from .modes import MODES

HEADER = "X-Agent-Tool-Activity"


def split_model(model: str, agents: Container[str]) -> tuple[str, str | None]:
    """The agent's name and the mode that a ``model`` such as ``agent:reasoning`` asks for.

    An agent whose name is the whole of it comes first.
    """
    name, colon, mode = model.rpartition(":")
    if not colon or mode not in MODES or model in agents:
        return model, None
    return name, mode


def with_choice(
    settings: Settings, body: object, header: str, suffix: str | None, params: Mapping[str, Any]
) -> Settings:
    """The agent's settings with the mode that the request chose, if it did; an empty ``header`` chooses none.

    Where the ``params`` say that the answer must be JSON, a mode that writes into the content gives way to
    ``events``. Raises :class:`RequestError` for an unknown mode, even where another one comes first.
    """
    chosen = [] if body is None else [_known(body, "tool_activity")]
    chosen += [_known(header, HEADER)] if header else []
    mode = [*chosen, suffix or settings.tool_activity][0]
    if MODES[mode].content and (params.get("response_format") or {}).get("type", "text") != "text":
        mode = "events"
    return settings if mode == settings.tool_activity else dataclasses.replace(settings, tool_activity=mode)


def _known(value: object, name: str) -> str:
    mode = value.strip().lower() if isinstance(value, str) else ""
    if mode not in MODES:
        message = f"{name} must be one of {', '.join(MODES)}"
        raise RequestError(message, param="tool_activity", code="invalid_value")
    return mode
