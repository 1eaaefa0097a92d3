"""What becomes of each field of a request that is not simply passed on, in one table.

Every top-level field that OpenAI documents is here or in :data:`~flask_agent_api.params.PARAMS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import RequestError
from ..params import INPUTS
from ..params import OUTPUT_LIMITS
from ..settings import Settings
from .schemas import ChatRequest

OURS: Mapping[str, str] = {
    "model": "Which agent answers. A name that no agent has means the default agent, or 404 by setting.",
    "messages": "The conversation; see below.",
    "stream": "Whether the answer comes as Server-Sent Events.",
    "stream_options": "`include_usage` ends a stream with a chunk that holds the usage. Without `stream`: no effect.",
    "n": "How many answers to give: 1. More are refused.",
    "tool_activity": "How the answer shows what the agent does; see [tool activity](tool-activity.md).",
    "tools": "Functions that the client runs itself, offered beside the agent's; see [client tools](client-tools.md).",
    "tool_choice": "Whether it may or must call one of them; see [values](client-tools.md#which-tools-are-offered).",
    "functions": "The forerunner of `tools`, answered in its own form. Ignored where there are `tools`.",
    "function_call": "The forerunner of `tool_choice`.",
}
"""Fields that this server itself acts on."""

REFUSED: Mapping[str, str] = {
    "logprobs": "`true` is refused: log probabilities are not available.",
    "top_logprobs": "More than 0 is refused.",
    "modalities": "Anything but `text` is refused.",
}
"""Fields of which only the values are accepted that ask for nothing."""

IGNORED: Mapping[str, str] = {
    "store": "Answers are not stored for a later look.",
    "metadata": "Belongs to stored answers.",
    "prediction": "The expected text: agents do not use it.",
    "web_search_options": "Whether an agent can search the web is up to its tools.",
    "moderation": "Requests and answers are not moderated here.",
    "audio": "Describes audio output, which is refused where `modalities` asks for it.",
    "prompt_cache_options": "How long a provider caches is the agent's business.",
    "prompt_cache_retention": "The same under its older name.",
}
"""Fields that are accepted and have no effect. The header ``X-Agent-Ignored`` names those that were sent."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_MOST_NAMES = 20


def ignored_fields(request: ChatRequest, params: Mapping[str, Any]) -> list[str]:
    """The fields that were sent and have no effect: the table's, unknown ones, and those that ``params`` has otherwise.

    Null, false, 0, ``[]`` and ``{}`` count as not sent, but for ``web_search_options``, where ``{}`` means yes.
    """
    names: list[str] = []
    if extra := request.__pydantic_extra__:
        names += [name for name, value in extra.items() if value or (value == {} and name == "web_search_options")]
    if request.stream_options and request.stream_options.include_obfuscation:
        names.append("stream_options.include_obfuscation")
    sent = request.params()
    return names if sent == params else names + [name for name, value in sent.items() if params.get(name) != value]


def header_value(names: list[str]) -> str:
    """The names as the value of a header: each once, none that could do harm there, not too many."""
    fit = [name for name in dict.fromkeys(names) if _NAME.fullmatch(name)]
    return ", ".join(fit[:_MOST_NAMES])


def refuse_forbidden(request: ChatRequest, settings: Settings) -> None:
    """Raises :class:`RequestError` that names the first forbidden parameter, or content part, of the request.

    Who forbids one of the two output limits forbids both.
    """
    forbidden = set(settings.forbid_params)
    if not forbidden:
        return
    if forbidden & set(OUTPUT_LIMITS):
        forbidden.update(OUTPUT_LIMITS)
    for name in request.params():
        if name in forbidden:
            raise _forbidden(name, f"{name!r} may not be set")
    for place, kind in _inputs(request):
        if kind in forbidden:
            raise _forbidden(place, f"Content of the type {kind!r} is not accepted")


def _forbidden(param: str, message: str) -> RequestError:
    return RequestError(f"{message} in requests to this agent", param=param, code="forbidden_parameter")


def _inputs(request: ChatRequest) -> list[tuple[str, Any]]:
    """Where the conversation has content other than text, and of which type."""
    return [
        (f"messages[{number}].content[{index}]", part["type"])
        for number, message in enumerate(request.messages)
        if isinstance(content := message.get("content"), list)
        for index, part in enumerate(content)
        if part["type"] in INPUTS
    ]
