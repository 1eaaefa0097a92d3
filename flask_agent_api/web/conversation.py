"""The conversation that a request names."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ..errors import RequestError
from ..types import text_of
from .schemas import ChatRequest
from .tasks.recognise import recognise

HEADER = "X-Conversation-Id"
"""The header of an answer that belongs to a conversation, whichever header named it."""

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TASK_FORM = "### Task:"
"""How all of Open WebUI's auxiliary requests begin, also those of kinds that are not known here."""

_NONE = {"", "new"}
"""What is no id. LibreChat has \"new\" for the conversation that its first message is about to begin."""


def conversation_id(environ: Mapping[str, Any], headers: Sequence[str], body: ChatRequest) -> str:
    """The id of the conversation by the first of the ``headers`` that has one; empty if there is none.

    A chat UI's requests for titles and the like name the conversation that they are about. They are no part of it,
    whoever answers them. Raises :class:`RequestError` for one that is not well-formed. WSGI joins headers that are sent
    twice with a comma, so these are not.
    """
    for header in headers:
        id: str = environ.get(_environ_key(header), "")
        if id in _NONE:
            continue
        check_id(id, header)
        return "" if _is_auxiliary(environ.get("HTTP_X_AGENT_TASK"), body) else id
    return ""


@functools.lru_cache(maxsize=64)
def _environ_key(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}"


def check_id(id: str, param: str) -> None:
    """Raises :class:`RequestError` for an id that is not well-formed; ``param`` is what has it."""
    if not _ID.fullmatch(id):
        message = f"{param}: expected 1 to 128 letters, digits, dots, underscores, colons and dashes"
        raise RequestError(message, param=param, code="invalid_conversation_id")


def _is_auxiliary(task: str | None, body: ChatRequest) -> bool:
    if task:
        return True
    first = text_of(body.messages[0].get("content")) if len(body.messages) == 1 else ""
    return first.startswith(_TASK_FORM) or recognise(task, body) is not None
