"""Conversations as the command line shows them: lines for people, objects for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from datetime import datetime
from datetime import timezone
from typing import Any

import click

from ..conversations.base import LogInfo
from ..types import Message
from ..types import text_of
from ..visible import visible
from ..web.conversation_object import conversation_object

_COLUMNS = ("ID", "AGENT", "CALLER", "TURNS", "BYTES", "LAST USED")


def as_object(info: LogInfo) -> dict[str, Any]:
    """What clients get of it, and whose it is."""
    return {**conversation_object(info), "principal": info.key.principal}


def table(infos: Sequence[LogInfo]) -> Iterator[str]:
    """A line for each: in columns with a heading on a terminal, else with tabs between its values."""
    rows = [_row(info) for info in infos]
    if not sys.stdout.isatty():
        yield from ("\t".join(row) for row in rows)
        return
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    for row in [_COLUMNS, *rows]:
        line = "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()
        yield click.style(line, bold=True) if row is _COLUMNS else line


def told(messages: Sequence[Message]) -> Iterator[str]:
    """The messages one after the other, with an empty line before each."""
    for message in messages:
        role = str(message.get("role"))
        calls = [call["function"] for call in message.get("tool_calls") or ()]
        texts = [_text(message.get("content")), *(f"{call['name']}({call['arguments']})" for call in calls)]
        for text in filter(None, texts):
            first, *rest = map(visible, text.splitlines())
            yield ""
            yield f"{click.style(f'{role}:', bold=True)} {first}"
            yield from (f"  {line}" for line in rest)


def _text(content: object) -> str:
    """The text, or parts that are none, as JSON, cut where they are long."""
    if not isinstance(content, list):
        return text_of(content)
    others = [json.dumps(part)[:200] for part in content if not (isinstance(part, dict) and "text" in part)]
    return "\n".join(filter(None, [text_of(content), *others]))


def _row(info: LogInfo) -> tuple[str, ...]:
    used = datetime.fromtimestamp(info.used, timezone.utc).isoformat(" ", "seconds").removesuffix("+00:00") + "Z"
    key = info.key
    return visible(key.id), visible(key.agent), visible(key.principal), str(info.entries), str(info.size), used
