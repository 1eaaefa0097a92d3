"""From what a model wrote to the one shape that an auxiliary request is answered with. Nothing else gets out."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable
from typing import Any

from .kinds import AUTOCOMPLETE
from .kinds import EMOJI
from .kinds import Kind
from .kinds import Task
from .kinds import TITLE
from .plain import one_line
from .plain import plain_value

_MAX_CHARS = 8_000
_OBJECTS = 50
_DECODER = json.JSONDecoder()
_LIST_ITEM = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+(.+)$", re.MULTILINE)
_ONE = "[\u231a-\u23ff\u2600-\u27bf\U0001f300-\U0001faff][\ufe0f\U0001f3fb-\U0001f3ff]{0,2}"
_EMOJI = re.compile(f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|{_ONE}(?:\u200d{_ONE}){{0,5}})")
_QUOTES = "\"'`*_“”„«» "


def answer(task: Task, text: str) -> str:
    """The answer to the client; where the model's text is of no use, what can be said without one."""
    said = text.rpartition("</think>")[2].partition("<think>")[0]
    return as_text(task, _value(task.kind, said[:_MAX_CHARS]) or plain_value(task))


def as_text(task: Task, value: str | list[str]) -> str:
    """A value as the client expects it: a JSON object with one key, or the bare text."""
    if task.bare or not task.kind.key:
        return str(value)
    return json.dumps({task.kind.key: value}, ensure_ascii=False)


def _value(kind: Kind, text: str) -> str | list[str]:
    if kind is EMOJI:
        found = _EMOJI.search(text)
        return found[0] if found else ""
    value = next((each[kind.key] for each in _objects(text) if kind.key in each), None)
    if kind.max_items:
        items = value if isinstance(value, list) else _listed(text)
        return _texts(items, kind)
    return _line(value if isinstance(value, str) else _unfinished(kind, text), kind)


def _objects(text: str) -> Iterable[dict[str, Any]]:
    """The JSON objects in a text."""
    start = -1
    for _ in range(_OBJECTS):
        if (start := text.find("{", start + 1)) < 0:
            return
        try:
            value, _end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        yield value


def _unfinished(kind: Kind, text: str) -> str:
    """The text in an object that is cut off, or else the first line of a model that knows no JSON."""
    if found := re.search(rf'"{kind.key}"\s*:\s*"((?:[^"\\]|\\.)*)', text):
        return _unescaped(found[1])
    if kind is AUTOCOMPLETE or "{" in text:
        return ""
    return next((line for line in text.splitlines() if line.strip() and not line.startswith("```")), "")


def _unescaped(text: str) -> str:
    """The text that a JSON string stands for, which may break off inside its last escape."""
    for part in (text, text.rpartition("\\")[0]):
        with contextlib.suppress(ValueError):
            return str(json.loads(f'"{part}"', strict=False))
    return ""


def _listed(text: str) -> list[str]:
    """The items of a JSON list, or of one in Markdown."""
    start = text.find("[")
    if start >= 0:
        try:
            value, _ = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            return []
        return list(value)
    return _LIST_ITEM.findall(text)


def _texts(items: Iterable[Any], kind: Kind) -> list[str]:
    lines = [_line(item, kind) for item in items if isinstance(item, str)]
    return list(dict.fromkeys(line for line in lines if line))[: kind.max_items]


def _line(text: str, kind: Kind) -> str:
    """One line, as long as it may be; titles without the marks that models like to put around them."""
    line = one_line(text)
    if kind is TITLE:
        line = line.lstrip("#").strip(_QUOTES)
    return line[: kind.max_chars].rstrip()
