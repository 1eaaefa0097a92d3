"""Answers to auxiliary requests without a model."""

from __future__ import annotations

import re

from .kinds import EMOJI
from .kinds import IMAGE_PROMPT
from .kinds import Task
from .kinds import TITLE
from .prompt import shortened

NO_TITLE = "New Chat"
NO_EMOJI = "💬"

_JOINERS = "\u200c\u200d"
_WORDS = 6
_MAX_TITLE = 60
_USER = re.compile(r"^(?:USER|User): ", re.MULTILINE)
_SPEAKER = re.compile(r"^(?:USER|User|ASSISTANT|AI|SYSTEM|TOOL): ", re.MULTILINE)


def plain_value(task: Task) -> str | list[str]:
    """What can be said without a model: a title from the user's first words, an image prompt from the last message.

    Lists are empty, and so is a completion.
    """
    history = shortened(task.history)
    if task.kind is TITLE:
        return _title(history)
    if task.kind is IMAGE_PROMPT:
        return one_line(_said(history, -1))[: task.kind.max_chars]
    if task.kind is EMOJI:
        return NO_EMOJI
    return [] if task.kind.max_items else ""


def one_line(text: str) -> str:
    """A text without line ends, control characters and anything else that cannot be shown."""
    return " ".join("".join(c if c.isprintable() or c in _JOINERS else " " for c in text).split())


def _title(history: str) -> str:
    words = one_line(_said(history, 0)).split()
    title = " ".join(words[:_WORDS])
    if len(title) > _MAX_TITLE:
        title = title[:_MAX_TITLE].rpartition(" ")[0] or title[:_MAX_TITLE]
    return title.rstrip(" ,;:.") or NO_TITLE


def _said(history: str, number: int) -> str:
    """The user's message of that number, counted as lists are; of a chat in which no user speaks, all."""
    starts = [found.end() for found in _USER.finditer(history)] or [0]
    rest = history[starts[number] :]
    end = _SPEAKER.search(rest)
    return rest[: end.start()] if end else rest
