"""What the demo model understands: which tools a user's text asks for, step by step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import TypeAlias

from ..types import JSONSchema
from .demo_arguments import missing_arguments
from .demo_arguments import parse_arguments
from .demo_cities import find_timezone
from .demo_expressions import find_expression
from .demo_quotes import split_outside_quotes
from .demo_values import coerce
from .demo_values import mapping

Tools: TypeAlias = Mapping[str, JSONSchema]
"""The offered tools: the schema of their arguments by name, in the order of the request."""

_MAX_QUESTION = 300  # Characters. Longer text is no question, but may quote one: a client that wants a title does.
_POLITE = r"^\s*(?:(?:please|now|first|then|(?:can|could|would|will)\syou),?\s+){0,3}"
_THEN = re.compile(r",?\s(?:and\s)?then\s(?=(?:use|ask)\s)", re.IGNORECASE)
_AND = re.compile(r",?\sand\s(?=use\s)", re.IGNORECASE)
_USE = re.compile(_POLITE + r"use\s+(?:the\s+)?(\S+)(?:\s+tool\b)?(?:\s+with\s+(.*))?", re.IGNORECASE | re.DOTALL)
_USE_LATER = re.compile(r"\buse\s(?:the\s)?(\S{1,100})(?:\stool)?\swith\s(.*)", re.IGNORECASE | re.DOTALL)
_ASK = re.compile(_POLITE + r"ask\s+(?:the\s+)?(\S+)\s+to\s+(.+)", re.IGNORECASE | re.DOTALL)
_TIME_IN = re.compile(
    r"(?:^|\b(?:what|what['\u2019]?s|is|the|current|local)\s)\s*time(?:\s+is\s+it)?(?:\s+(?:right\s+)?now)?"
    r"\s+in\s+(?P<place>[^?!;\n]+?)[\s,]*(?=[?!;\n]|\.\s|\.?$|\s(?:right\s)?now\b|\sand\b|\splease\b)",
    re.IGNORECASE,
)
_TIME_NOW = re.compile(
    r"\bwhat(?:['\u2019]?s|\s+is)?\s+(?:the\s+)?(?:current\s+|local\s+)?time(?:\s+is\s+it)?(?:\s+(?:right\s+)?now)?"
    r"(?:,?\s+please)?\s*[?!.]*\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool to call."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a wish cannot be granted, as a sentence for the user."""

    text: str


Step: TypeAlias = list[Call | Problem]
"""What is to be called at once."""


def plan(text: str, tools: Tools) -> Iterator[Step]:
    """The steps that ``text`` asks for, none if it is not understood.

    ``then`` begins a new step; uses joined by ``and`` are one. What is joined but not understood is left out.
    """
    for sentence in split_outside_quotes(text, _THEN):
        if step := [wish for part in _parallel(sentence) for wish in _wishes(part, tools)]:
            yield step


def _parallel(sentence: str) -> list[str]:
    """A delegated task may itself speak of using several tools."""
    return [sentence] if _ASK.match(sentence) else split_outside_quotes(sentence, _AND)


def _wishes(text: str, tools: Tools) -> Step:
    if (match := _ASK.match(text)) and "transfer_task" in tools:
        return [_delegation(match[1], match[2], tools["transfer_task"])]
    if match := _USE.match(text):
        return [_use(match[1], match[2] or "", tools)]
    if (match := _USE_LATER.search(text)) and (name := _offered(match[1], tools)):
        return [_use(name, match[2], tools)]
    return list(_questions(text, tools)) if len(text) <= _MAX_QUESTION else []


def _delegation(agent: str, task: str, schema: JSONSchema) -> Call:
    name = coerce(agent.strip("\"'`,:"), mapping(schema.get("properties")).get("agent"), schema)
    return Call("transfer_task", {"agent": name, "task": task.strip(), "expected_output": "A short answer."})


def _use(wanted: str, arguments: str, tools: Tools) -> Call | Problem:
    name = _offered(wanted, tools)
    if name is None:
        return Problem(f'I have no tool called "{wanted[:100]}". {describe_tools(tools)}')
    found = parse_arguments(arguments.strip(), tools[name])
    missing = missing_arguments(found, tools[name])
    if not missing:
        return Call(name, found)
    wants = ", ".join(f'"{argument}"' for argument in missing)
    example = ", ".join(f"{argument} VALUE" for argument in missing)
    return Problem(f"The tool {name} needs {wants}, which I did not find. Say: use {name} with {example}")


def describe_tools(tools: Tools) -> str:
    """A sentence with the names of the offered tools."""
    return f"The tools that I can use here: {', '.join(tools)}." if tools else "No tools are offered to me here."


def _offered(wanted: str, tools: Tools) -> str | None:
    """The tool of that name, in any case and without the punctuation of a sentence if need be."""
    for name in (wanted, wanted.strip("\"'`“”,;:.!?")):
        if name in tools:
            return name
        if near := next((tool for tool in tools if tool.lower() == name.lower()), None):
            return near
    return None


def _questions(text: str, tools: Tools) -> Iterator[Call | Problem]:
    if place := _place(text):
        if "current_time" in tools:
            yield Call("current_time", {"timezone": place})
        elif "get_current_time" in tools:
            yield Call("get_current_time", {"timezone": find_timezone(place) or place})
    if "calculate" in tools and (expression := find_expression(text)):
        yield Call("calculate", {"expression": expression})


def _place(text: str) -> str:
    """Where the text asks for the time; empty if it does not ask."""
    if match := _TIME_IN.search(text):
        return match["place"]
    return "UTC" if _TIME_NOW.search(text) else ""
