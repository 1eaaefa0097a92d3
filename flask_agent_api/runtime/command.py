"""Prompts that a user calls by ``/name``.

A prompt may have placeholders for what the user typed behind the name, in docker-agent's notation: ``${args[0]}``,
``${args.join(" ")}``, ``${args.slice(1).join(" ")}``, ``${args.length}``, ``${args}``, each with a default behind
``||``. A prompt without any gets it appended. What the user typed is put in as it is and never looked at for
placeholders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..types import Message
from ..types import text_of

_PIECE = re.compile(r"""(\s+)|"([^"]*)"|(?<!\w)'([^']*)'|([^\s"']+|["'])""")


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments from ``start`` to ``end``, joined by ``separator``; all that are left where ``end`` is None."""

    start: int = 0
    end: int | None = None
    separator: str = " "

    def fill(self, arguments: Sequence[str]) -> str:
        return self.separator.join(arguments[self.start : self.end])


@dataclass(frozen=True, slots=True)
class ArgumentCount:
    """How many arguments there are."""

    def fill(self, arguments: Sequence[str]) -> str:
        return str(len(arguments))


Value: TypeAlias = str | Arguments | ArgumentCount


@dataclass(frozen=True, slots=True)
class FirstOf:
    """A placeholder: the first of its values that is not empty, or nothing."""

    values: tuple[Value, ...]

    def fill(self, arguments: Sequence[str]) -> str:
        texts = (value if isinstance(value, str) else value.fill(arguments) for value in self.values)
        return next((text for text in texts if text), "")


Template: TypeAlias = tuple[str | FirstOf, ...]
"""A prompt in pieces: text, and placeholders for arguments."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a user's ``/name`` stands for.

    ``prompt`` replaces the user's text; where it is empty, what is typed behind the name does. ``agent`` names a
    declared agent of the team that takes the turn. To make one from text there is
    :func:`~flask_agent_api.runtime.command_template.parse_command`.
    """

    prompt: Template = ()
    description: str = ""
    agent: str = ""

    def text(self, rest: str) -> str:
        """What the model gets to read for what the user typed behind the name; empty if nothing is said."""
        if not self.prompt:
            return rest or self.description
        arguments = split_arguments(rest) if any(isinstance(piece, FirstOf) for piece in self.prompt) else None
        if arguments is None:
            return " ".join(filter(None, ["".join(map(str, self.prompt)), rest]))
        return "".join(piece if isinstance(piece, str) else piece.fill(arguments) for piece in self.prompt)


def with_prompts(messages: Iterable[Message], commands: Mapping[str, Command]) -> list[Message]:
    """The messages with every user's ``/name`` replaced, so that the model reads the same text in each later turn.

    A name that is no command stays as it is. Images and files stay.
    """
    return [_with_prompt(message, commands) for message in messages]


def called_command(message: Message, commands: Mapping[str, Command]) -> tuple[Command, str] | None:
    """The command that a user's message calls, and what is typed behind its name."""
    if message.get("role") != "user":
        return None
    text = text_of(message.get("content")).lstrip()
    if not text.startswith("/"):
        return None
    name, *rest = text.split(maxsplit=1)
    command = commands.get(name[1:])
    return None if command is None else (command, rest[0].rstrip() if rest else "")


def called_agent(messages: Sequence[Message], commands: Mapping[str, Command]) -> str:
    """The agent that the last user's message calls with its command; empty if it calls none."""
    if not commands:
        return ""
    last = next((message for message in reversed(messages) if message.get("role") == "user"), {})
    called = called_command(last, commands)
    return called[0].agent if called else ""


def _with_prompt(message: Message, commands: Mapping[str, Command]) -> Message:
    called = called_command(message, commands)
    text = called[0].text(called[1]) if called else ""
    if not text:
        return message
    content = message.get("content")
    others = [part for part in content if part.get("type") != "text"] if isinstance(content, list) else []
    return {**message, "content": [{"type": "text", "text": text}, *others] if others else text}


def split_arguments(text: str) -> list[str]:
    """The words of a text; quotes keep words together and are left out, an apostrophe within a word is none."""
    words: list[str] = []
    word: str | None = None
    for space, double, single, plain in _PIECE.findall(text):
        if not space:
            word = (word or "") + (double or single or plain)
        elif word is not None:
            words.append(word)
            word = None
    return words if word is None else [*words, word]
