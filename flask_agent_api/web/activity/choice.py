"""Which mode a request gets: its body, its header, the model's name, the agent and the server say so, in this order."""

from __future__ import annotations

import dataclasses
from collections.abc import Container
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ...errors import AccessDenied
from ...errors import RequestError
from ...settings import Settings
from .modes import MODES

HEADER = "X-Agent-Tool-Activity"
PARAM = "tool_activity"
NONE = "none"
"""The mode that shows nothing."""


def split_model(model: str, agents: Container[str]) -> tuple[str, str | None]:
    """The agent's name and the mode that a ``model`` such as ``agent:reasoning`` asks for.

    An agent whose name is the whole of it comes first.
    """
    name, colon, mode = model.rpartition(":")
    if not colon or mode not in MODES or model in agents:
        return model, None
    return name, mode


def with_choice(
    settings: Settings, body: object, header: str, suffix: str | None, params: Mapping[str, Any],
    allowed: Sequence[str] | None = None,
) -> Settings:  # fmt: skip
    """The agent's settings with the mode that the request chose, if it did; an empty ``header`` chooses none.

    Where the ``params`` say that the answer must be JSON, a mode that writes into the content gives way to
    ``events``. Who has a list of ``allowed`` modes gets its first one where the agent's own is not in it, and may
    always have ``none``. Raises :class:`RequestError` for an unknown mode, even where another one comes first, and
    :class:`AccessDenied` for one that is not allowed.
    """
    if body is None and not header and not suffix and not params and allowed is None:
        return settings
    chosen = [] if body is None else [_known(body, PARAM)]
    chosen += [_known(header, HEADER)] if header else []
    chosen += [suffix] if suffix else []
    usable = MODES if allowed is None else [*allowed, NONE]
    if chosen and chosen[0] not in usable:
        modes = ", ".join(dict.fromkeys(usable))
        raise AccessDenied(f"tool_activity {chosen[0]!r} is not allowed for you; you may have {modes}", param=PARAM)
    mode = next(mode for mode in [*chosen, settings.tool_activity, *usable] if mode in usable)
    if MODES[mode].content and (params.get("response_format") or {}).get("type", "text") != "text":
        mode = "events" if "events" in usable else NONE
    return settings if mode == settings.tool_activity else dataclasses.replace(settings, tool_activity=mode)


def _known(value: object, name: str) -> str:
    mode = value.strip().lower() if isinstance(value, str) else ""
    if mode not in MODES:
        message = f"{name} must be one of {', '.join(MODES)}"
        raise RequestError(message, param=PARAM, code="invalid_value")
    return mode
