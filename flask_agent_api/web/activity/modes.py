"""The modes in which an answer can show activity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...settings import Settings
from .details import DetailsRenderer
from .events import EventsRenderer
from .openwebui import OpenWebUIRenderer
from .raw import ToolCallsRenderer
from .raw import ToolRoleRenderer
from .reasoning import ReasoningRenderer
from .renderer import Renderer
from .tags import TagsRenderer


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode, and what the documentation says about it.

    ``content`` says that it writes into the content of the answer, ``safe`` that no client takes it for something else.
    """

    renderer: type[Renderer]
    writes: str
    clients: str
    cost: str
    content: bool = False
    safe: bool = True


MODES: Mapping[str, Mode] = {
    "events": Mode(
        EventsRenderer,
        "Chunks with an empty delta and the key `agent_event`; in a whole answer the list `agent_events`.",
        "Your own, with any SDK. Others ignore it.",
        "A chunk per event.",
    ),
    "none": Mode(Renderer, "Nothing.", "", "Nothing: a busy agent looks silent."),
    "reasoning": Mode(
        ReasoningRenderer,
        "Lines such as `Calling get_time ...` in `reasoning_content`.",
        "Open WebUI, LibreChat and others that show thinking. Others ignore it.",
        "It stands among the model's own reasoning, if that is shown.",
    ),
    "details": Mode(
        DetailsRenderer,
        '`<details type="tool_calls">` in the content when a tool has ended.',
        "Open WebUI draws a card. Others show or fold the text.",
        "It is part of the answer's text: not for programs that read it.",
        content=True,
    ),
    "openwebui": Mode(
        OpenWebUIRenderer,
        "Chunks with an empty delta and the key `event`, a status; in a whole answer nothing.",
        "Open WebUI shows and keeps a status line. Others ignore it.",
        "A chunk per event.",
    ),
    "tags": Mode(
        TagsRenderer,
        "`<tool_call_info>` in the content when a tool has ended, as tiny-agents first did.",
        "Clients made for it. Others show the text.",
        "It is part of the answer's text: not for programs that read it.",
        content=True,
    ),
    "tool_calls": Mode(
        ToolCallsRenderer,
        "`delta.tool_calls` when a tool begins, as docker-agent does; `finish_reason` stays `stop`.",
        "Clients made for docker-agent.",
        "**Unsafe.** Most clients try to run these tools themselves, and fail or ask again and again.",
        safe=False,
    ),
    "tool_role": Mode(
        ToolRoleRenderer,
        'A delta with `"role": "tool"` and the result when a tool has ended, as tiny-agents does; in a whole answer '
        "nothing.",
        "Clients made for tiny-agents.",
        "**Unsafe.** Most clients take the result for a part of the answer; some fail at the second role.",
        safe=False,
    ),
}


def renderer_for(settings: Settings) -> Renderer:
    """A renderer for one answer, in the mode of ``settings``."""
    return MODES[settings.tool_activity].renderer(settings.activity_preview)
