"""Reads the placeholders of a command's prompt.

docker-agent evaluates ``${...}`` as JavaScript, tool calls included. Here it is a handful of forms that are looked up;
nothing is evaluated, and no tool runs because of a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass

from .command import ArgumentCount
from .command import Arguments
from .command import Command
from .command import FirstOf
from .command import Template
from .command import Value

_MAX_EXPRESSION = 500
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")
_TOOL_CALL = re.compile(r"!\w+\(")
_ATOM = r"""(?x:
    (?: "[^"\\]*" | '[^'\\]*' | `[^`\\$]*` )
  | env\.[A-Za-z_]\w*
  | args\[\s*\d{1,4}\s*\]
  | args\.length
  | args(?:\.slice\(\s*\d{1,4}\s*(?:,\s*\d{1,4}\s*)?\))?(?:\.join\(\s*(?:(?:"[^"\\]*"|'[^'\\]*')\s*)?\))?
)"""
_ATOMS = re.compile(_ATOM)
_EXPRESSION = re.compile(rf"\s*{_ATOM}\s*(?:\|\|\s*{_ATOM}\s*)*")
_ARGUMENTS = re.compile(r"""args(?:\.slice\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?(?:\.join\(([\s\S]*)\))?""")


@dataclass(frozen=True, slots=True)
class ParsedTemplate:
    """A prompt in pieces, the variables that are not set, and what looks like a placeholder and is none here."""

    template: Template
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def parse_command(prompt: str, *, description: str = "", agent: str = "") -> Command:
    """A command from the text of its prompt, for agents in Python: ``parse_command("Review ${args[0]}")``."""
    return Command(parse_template(prompt, {}).template, description, agent)


def parse_template(text: str, environ: Mapping[str, str]) -> ParsedTemplate:
    """Splits a prompt at its placeholders; those for variables of ``environ`` are filled in.

    ``$X`` means a variable only where there is one, as docker-agent itself leaves it alone. An expression that is not
    known, such as a call of a tool, stays in the text.
    """
    pieces: list[str | FirstOf] = []
    missing: list[str] = []
    unknown: list[str] = []
    for literal, expression in _split(text):
        pieces.append(_VARIABLE.sub(lambda found: environ.get(found[1], found[0]), literal))
        unknown += (f"{call}...)" for call in _TOOL_CALL.findall(literal))
        if not expression:
            continue
        values = _values(expression, environ, missing)
        if values is None:
            unknown.append(f"${{{expression}}}")
        pieces.append(f"${{{expression}}}" if values is None else values)
    return ParsedTemplate(_joined(pieces), tuple(dict.fromkeys(missing)), tuple(dict.fromkeys(unknown)))


def _split(text: str) -> Iterator[tuple[str, str]]:
    """Pairs of text and the expression behind it, which is empty at the end."""
    start = 0
    position = text.find("${")
    while position >= 0:
        end = _end(text, position + 2)
        if end:
            yield text[start:position], text[position + 2 : end - 1]
            start = end
        position = text.find("${", end or position + 2)
    yield text[start:], ""


def _end(text: str, start: int) -> int:
    """Behind the brace that closes an expression; 0 if none does. Braces within quotes do not count."""
    depth, quote = 1, ""
    for position in range(start, min(len(text), start + _MAX_EXPRESSION)):
        character = text[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'`":
            quote = character
        elif character in "{}":
            depth += 1 if character == "{" else -1
            if depth == 0:
                return position + 1
    return 0


def _values(expression: str, environ: Mapping[str, str], missing: list[str]) -> FirstOf | None:
    """The alternatives of an expression; None if one of them is not known."""
    if not _EXPRESSION.fullmatch(expression):
        return None
    atoms = _ATOMS.findall(expression)
    if len(atoms) == 1 and atoms[0].startswith("env.") and atoms[0][4:] not in environ:
        missing.append(atoms[0][4:])
    return FirstOf(tuple(_value(atom, environ) for atom in atoms))


def _value(atom: str, environ: Mapping[str, str]) -> Value:
    if atom[0] in "\"'`":
        return atom[1:-1]
    if atom.startswith("env."):
        return environ.get(atom[4:], "")
    if atom.startswith("args["):
        index = int(atom[5:-1])
        return Arguments(index, index + 1)
    found = _ARGUMENTS.fullmatch(atom)
    if found is None:
        return ArgumentCount()
    start, end, separator = found.groups()
    return Arguments(int(start or 0), int(end) if end else None, _separator(separator))


def _separator(written: str | None) -> str:
    """What stands between arguments: JavaScript's ``join()`` puts a comma, and where nothing is said it is a space."""
    return " " if written is None else written.strip()[1:-1] if written.strip() else ","


def _joined(pieces: list[str | FirstOf]) -> Template:
    """The pieces without empty ones, with texts that touch made one: placeholders that hold no arguments are text."""
    joined: list[str | FirstOf] = []
    for piece in pieces:
        if isinstance(piece, FirstOf) and all(isinstance(value, str) for value in piece.values):
            piece = piece.fill(())
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        elif piece:
            joined.append(piece)
    return tuple(joined)
