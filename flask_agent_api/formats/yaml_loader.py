"""Safe YAML: plain data only, no duplicate keys, bounded size, depth and expansion, and a line for every key.

Scalars follow the core schema of YAML 1.2, as docker-agent reads them: ``on``, ``no`` and ``2026-03-14`` are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError
from .document import Document
from .document import KeyPath
from .document import read_text
from .written import as_written

MAX_NODES = 100_000
"""Values a file may hold once its aliases are written out. Stops aliases of aliases of aliases."""

MAX_DEPTH = 64
"""How deep mappings and lists may be nested."""

IMPOSSIBLE = re.compile("[\0\ud800-\udfff]")
"""Characters that no text can have that is to leave this process."""

_END_OF_ANCHOR = frozenset("\0 \t\r\n\x85\u2028\u2029,:[]{}")

_PREFIX = "tag:yaml.org,2002:"
_MERGE = f"{_PREFIX}merge"
_CORE_SCHEMA = (
    ("null", "~nN", re.compile(r"(~|null|Null|NULL|)\Z")),
    ("bool", "tTfF", re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")),
    ("int", "-+0123456789", re.compile(r"([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")),
    (
        "float",
        "-+.0123456789",
        re.compile(r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z"),
    ),
    ("merge", "<", re.compile(r"<<\Z")),
)


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """The table that PyYAML looks plain scalars up in, by their first character."""
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {"": [(f"{_PREFIX}null", _CORE_SCHEMA[0][2])]}
    for name, first_characters, pattern in _CORE_SCHEMA:
        for character in first_characters:
            table.setdefault(character, []).append((_PREFIX + name, pattern))
    return table


def load_yaml(path: Path) -> Document:
    """Reads a YAML file. Raises :class:`ConfigError`, one message with file and line, for anything wrong with it."""
    return parse_yaml(read_text(path), path)


def parse_yaml(text: str, path: Path) -> Document:
    """Like :func:`load_yaml`, for text that was read from ``path``."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = f":{mark.line + 1}" if mark else ""
        problem = ", ".join(part for part in (exc.context, exc.problem) if part)
        raise ConfigError(f"{path}{line}: not valid YAML: {problem}") from exc
    except (yaml.YAMLError, ValueError, OverflowError) as exc:
        # An escape of no character, a digit string without end: PyYAML lets Python's own errors through.
        raise ConfigError(f"{path}: not valid YAML: {str(exc).splitlines()[0]}") from exc
    converter = _Converter(path)
    data = None if root is None else converter.value(root, ())
    return Document(path, data, converter.lines)


class _Loader(yaml.SafeLoader):
    """Composes nodes only; the values come from :class:`_Converter`."""

    yaml_implicit_resolvers = _resolvers()

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0

    def scan_anchor(self, TokenClass: type[yaml.Token]) -> yaml.Token:
        """As PyYAML has it, but with the names of YAML 1.2: ``&gpt-5.4`` and ``&größe``."""
        start = self.get_mark()
        self.forward()
        length = 0
        while self.peek(length) not in _END_OF_ANCHOR:
            length += 1
        if not length:
            raise yaml.MarkedYAMLError(problem="expected a name after & or *", problem_mark=start)
        name = self.prefix(length)
        self.forward(length)
        return TokenClass(name, start, self.get_mark())  # type: ignore[call-arg]

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        self._nodes += 1
        if self._depth > MAX_DEPTH or self._nodes > MAX_NODES:
            problem = f"nested deeper than {MAX_DEPTH} levels, or more than {MAX_NODES} values"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Converter:
    """Turns nodes into dicts, lists, text, numbers, booleans and None."""

    def __init__(self, path: Path) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._path = path
        self._nodes = 0
        self._level = 0

    def value(self, node: yaml.Node, where: KeyPath) -> Any:
        self._count(node)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_PREFIX}map":
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_PREFIX}seq":
            return self._sequence(node, where)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        raise self._error(node, f"the tag {_short(node.tag)} is not allowed in agent files")

    def _count(self, node: yaml.Node) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES or self._level > MAX_DEPTH:
            raise self._error(node, f"aliases make more than {MAX_NODES} values or {MAX_DEPTH} levels of it")

    def _sequence(self, node: yaml.SequenceNode, where: KeyPath) -> list[Any]:
        self._level += 1
        items = []
        for position, item in enumerate(node.value):
            place = (*where, position)
            self.lines[place] = item.start_mark.line + 1
            items.append(self.value(item, place))
        self._level -= 1
        return items

    def _mapping(self, node: yaml.MappingNode, where: KeyPath) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        self._level += 1
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for mapping in self._merged(value_node):
                    merged = self._mapping(mapping, where) | merged
                continue
            key = self._key(key_node)
            place = (*where, key)
            if key in own:
                raise self._error(
                    key_node, f"the key {key!r} stands here twice; the first is on line {self.lines[place]}"
                )
            self.lines[place] = key_node.start_mark.line + 1
            own[key] = self.value(value_node, place)
        self._level -= 1
        return merged | own

    def _merged(self, node: yaml.Node) -> Iterator[yaml.MappingNode]:
        for mapping in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            self._count(mapping)
            if not isinstance(mapping, yaml.MappingNode):
                raise self._error(node, "`<<` takes a mapping or a list of mappings")
            yield mapping

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, "a key must be plain text")
        return self._text(node)

    def _text(self, node: yaml.ScalarNode) -> str:
        if IMPOSSIBLE.search(node.value):  # escapes make them; no request, file name or command can hold them
            raise self._error(node, "text with a NUL or half a character in it")
        return str(node.value)

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        text, tag = node.value, node.tag.removeprefix(_PREFIX)
        try:
            if tag == "str":
                return self._text(node)
            if tag == "null":
                return None
            if tag == "bool":
                return {"true": True, "false": False}[text.lower()]
            if tag == "int":
                return as_written(_integer(text), text)
            if tag == "float":
                return as_written(float(text.lower().replace(".inf", "inf").replace(".nan", "nan")), text)
        except (KeyError, ValueError) as exc:
            raise self._error(node, f"{text[:40]!r} is no {tag} here; put it in quotes if it is text") from exc
        raise self._error(node, f"the tag {_short(node.tag)} is not allowed in agent files")

    def _error(self, node: yaml.Node, problem: str) -> ConfigError:
        return ConfigError(f"{self._path}:{node.start_mark.line + 1}: {problem}")


def _integer(text: str) -> int:
    if len(text) > 20:
        raise ValueError("too long for a number that anyone counts with")
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _short(tag: str) -> str:
    return tag.replace(_PREFIX, "!!")[:60]
