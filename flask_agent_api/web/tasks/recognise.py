"""Which requests are auxiliary ones: those whose header says so, and those that have the form of a known template.

Only what a template quotes is taken from the message, so its caller gets no other instructions through.
"""

from __future__ import annotations

import re

from ...types import text_of
from ..schemas import ChatRequest
from .kinds import AUTOCOMPLETE
from .kinds import EMOJI
from .kinds import Kind
from .kinds import KINDS
from .kinds import Task
from .kinds import TITLE

_OPEN, _CLOSE = "<chat_history>", "</chat_history>"
_NOT_OF_TASKS = ("tools", "functions", "response_format")
_MAX_HEAD = 10_000
_HEADING = re.compile(r"^### \*{0,2}([A-Za-z ]{1,30}?):?\*{0,2}:?[ ]{0,4}$", re.MULTILINE)
_KEY = re.compile(r'\{\s*"(\w+)"\s*:')
_TYPED = re.compile(r"</chat_history>\s*<type>([^<]{0,40})</type>\s*<text>")
_TYPED_END = re.compile(r"</text>\s*(?:#### Output:\s*)?\Z")
_LIBRECHAT = re.compile(
    r"Provide a concise, 5-word-or-less title for the conversation.{0,60}Only return the title itself\."
    r"\s{1,4}Conversation:\n(?=User: )"
)
_BY_KEY = {kind.key: kind for kind in KINDS.values() if kind.key}


def recognise(header: str | None, body: ChatRequest) -> Task | None:
    """The auxiliary request that a body is, or None for a chat.

    A ``header`` decides alone: it names the kind, and an empty one means a chat. Without one (None) the message must
    have the form of a template, and the request no stream and no system message.
    """
    if header is None and (body.stream or len(body.messages) > 1):
        return None
    message = _only_message(body)
    if message is None:
        return None
    if header is not None:
        kind = KINDS.get(header.strip().lower())
        return _named(kind, message) if kind else None
    return _open_webui(message) or _librechat(message)


def _only_message(body: ChatRequest) -> str | None:
    """The text of the one user message; None if there is more to answer than a text."""
    if any(getattr(body, name, None) for name in _NOT_OF_TASKS):
        return None
    *before, last = body.messages
    if last["role"] != "user" or any(message["role"] not in {"system", "developer"} for message in before):
        return None
    content = last.get("content")
    if isinstance(content, list) and any(part.get("type") != "text" for part in content):
        return None
    return text_of(content)


def _named(kind: Kind, message: str) -> Task | None:
    """A task whose kind is known. The template may be the operator's own; what it quotes must be found."""
    if kind is EMOJI:
        start, end = message.find("```"), message.rfind("```")
        return Task(kind, message[start + 3 : end]) if 0 <= start < end else None
    start = message.find(_OPEN)
    if start < 0:
        return _librechat(message) if kind is TITLE else None
    if kind is AUTOCOMPLETE:
        return _completion(message, start)
    end = message.rfind(_CLOSE)
    return Task(kind, message[start + len(_OPEN) : end].strip()) if end > start else None


def _open_webui(message: str) -> Task | None:
    """A template of Open WebUI by its form: headings, the JSON it asks for, and the chat at its end."""
    if not message.startswith("### Task:") or (start := message.find(_OPEN, 0, _MAX_HEAD)) < 0:
        return None
    kind, last = _form(message[:start])
    if kind is AUTOCOMPLETE and last == "Context":
        return _completion(message, start)
    if kind and kind is not AUTOCOMPLETE and last == "Chat History" and message.rstrip().endswith(_CLOSE):
        return _named(kind, message)
    return None


def _form(head: str) -> tuple[Kind | None, str]:
    """The kind whose JSON the output section asks for, and the last heading, which must have nothing under it."""
    _, *parts = _HEADING.split(head)
    names, texts = parts[::2], parts[1::2]
    sections = dict(zip(names, texts, strict=True))
    if len(sections) < max(3, len(names)) or names[0] != "Task" or texts[-1].strip():
        return None, ""
    asked = _KEY.search(sections.get("Output") or sections.get("Output Rules", ""))
    return (_BY_KEY.get(asked[1]) if asked else None), names[-1]


def _completion(message: str, start: int) -> Task | None:
    """What is typed stands behind the chat, and may itself look like the end of one."""
    found = _TYPED.search(message, start)
    end = _TYPED_END.search(message, found.end()) if found else None
    if found is None or end is None:
        return None
    history = message[start + len(_OPEN) : found.start()].strip()
    return Task(AUTOCOMPLETE, history, message[found.end() : end.start()], found[1].strip())


def _librechat(message: str) -> Task | None:
    """LibreChat asks for titles in one fixed sentence, and wants the title itself."""
    found = _LIBRECHAT.match(message)
    return Task(TITLE, message[found.end() :].strip(), bare=True) if found else None
