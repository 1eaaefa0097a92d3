"""JSON files: no duplicate keys, bounded size, depth and number of values, and a line for every key."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from typing import NoReturn

from ..errors import ConfigError
from .document import Document
from .document import dotted
from .document import KeyPath
from .document import read_text
from .written import as_written
from .yaml_loader import IMPOSSIBLE
from .yaml_loader import MAX_DEPTH
from .yaml_loader import MAX_NODES

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def load_json(path: Path) -> Document:
    """Reads a JSON file. Raises :class:`ConfigError`, one message with file and line, for anything wrong with it."""
    text = read_text(path)
    try:
        data = json.loads(text, parse_constant=_refuse, parse_float=_number)
    except json.JSONDecodeError as exc:
        raise ConfigError(f"{path}:{exc.lineno}:{exc.colno}: not valid JSON: {_problem(exc, text)}") from exc
    except (RecursionError, ValueError) as exc:
        raise ConfigError(f"{path}: not valid JSON: nested too deep, or a number that JSON does not have") from exc
    return Document(path, data, _Walk(path).lines_of(text))


def _problem(exc: json.JSONDecodeError, text: str) -> str:
    """What is wrong, in the words for those who write JSON as if it were JavaScript."""
    if text.startswith(("//", "/*", "#"), exc.pos):
        return "it has no comments"
    if text[: exc.pos].rstrip().endswith(",") and text[exc.pos :].lstrip().startswith(("}", "]")):
        return "there is a comma behind the last item"
    return exc.msg


def _number(text: str) -> float:
    return as_written(float(text), text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


class _Walk:
    """Goes through text that is JSON, token by token: ``json`` does not say where it found what."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[KeyPath, int] = {}
        self._where: list[Any] = []  # by level, the key or the position of what is read; None before a key
        self._line = 1

    def lines_of(self, text: str) -> dict[KeyPath, int]:
        """The line of each key and of each item of a list. Raises :class:`ConfigError`."""
        end = 0
        for token in _TOKEN.finditer(text):
            self._line += text.count("\n", end, token.start())
            end = token.start()
            self._take(token[0])
        return self._lines

    def _take(self, token: str) -> None:
        if token in "}]":
            self._where.pop()
        elif token == ",":
            self._where[-1] = self._where[-1] + 1 if isinstance(self._where[-1], int) else None
        elif token != ":":
            self._take_value(token)

    def _take_value(self, token: str) -> None:
        """A key, a value, or where one begins."""
        where = self._where
        if where and where[-1] is None:
            where[-1] = self._text(token)
            self._note()
            return
        if where and isinstance(where[-1], int):
            self._note()
        if token in "{[":
            where.append(None if token == "{" else 0)
            if len(where) > MAX_DEPTH:
                raise self._error(f"nested deeper than {MAX_DEPTH} levels")
        elif token[0] == '"':
            self._text(token)

    def _note(self) -> None:
        place = tuple(self._where)
        if place in self._lines:
            raise self._error(f"the key {place[-1]!r} stands twice here; the first is on line {self._lines[place]}")
        if len(self._lines) >= MAX_NODES:
            raise self._error(f"more than {MAX_NODES} values")
        self._lines[place] = self._line

    def _text(self, token: str) -> str:
        text = str(json.loads(token))
        if IMPOSSIBLE.search(text):
            raise self._error("a text holds a character that cannot be passed on: U+0000 or half of a pair")
        return text

    def _error(self, problem: str) -> ConfigError:
        where = dotted(tuple(key for key in self._where if key is not None))
        return ConfigError(f"{self._path}:{self._line}: {where + ': ' if where else ''}{problem}")
