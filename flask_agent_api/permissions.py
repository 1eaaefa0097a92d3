"""Rules about tool calls: ``allow``, ``ask`` and ``deny``, as docker-agent's files write them.

A rule is a tool's name, a glob (``read_*``), or one with globs for arguments: ``shell:cmd=git *:cwd=/srv/*``. ``*``
stands for anything, slashes and newlines included, ``?`` for one character, ``[a-z]`` and ``[^a-z]`` for one of a set;
a backslash takes the next character as it is. Case makes no difference. A name with colons, ``mcp:github:delete_*``, is
that of a tool in a toolset of a kind and a name.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CONDITION = re.compile(r":(\w+)=")
_SPECIAL = re.compile(r"\\(.)|\[\^", re.DOTALL)
_SEVERAL_COMMANDS = re.compile(r"[;&|<>`$(){}\n\r\\]")
_PREFIX = re.compile(r"[^*?\[\\]+\*")


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern; ``text`` is how its author wrote it. Make it with :func:`parse_rule`."""

    text: str
    tool: str
    arguments: tuple[tuple[str, str], ...] = ()

    def matches(self, names: Collection[str], arguments: Mapping[str, Any]) -> bool:
        """Whether the rule is about a call. ``names`` are the tool's own and those with colons."""
        qualified = ":" in self.tool
        return any(_matches(self.tool, name) for name in names if qualified == (":" in name)) and all(
            name in arguments and _matches(glob, _text(arguments[name])) for name, glob in self.arguments
        )

    def matches_one_command(self, names: Collection[str], arguments: Mapping[str, Any]) -> bool:
        """Like :meth:`matches`, but ``cmd=ls*`` is neither about ``ls; rm`` nor about ``lsof``.

        For rules that allow: no shell command is safe because of how it begins.
        """
        return self.matches(names, arguments) and all(
            _is_one_command(glob, _text(arguments[name]))
            for name, glob in self.arguments
            if name == "cmd" and _PREFIX.fullmatch(glob)
        )


@dataclass(frozen=True, slots=True)
class Permissions:
    """Rules by what they say. ``deny`` comes before ``allow``, and ``allow`` before ``ask``."""

    allow: tuple[Rule, ...] = ()
    ask: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()


def parse_rule(text: str) -> Rule:
    """The rule of a pattern. Raises ValueError for one that names no tool."""
    tool, *rest = _CONDITION.split(text.strip())
    if not tool:
        raise ValueError(f"the rule {text!r} names no tool; * stands for all of them")
    return Rule(text, tool, tuple(zip(rest[::2], rest[1::2], strict=True)))


def parse_rules(texts: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of patterns. Raises ValueError."""
    return tuple(map(parse_rule, texts))


def first(rules: Iterable[Rule], names: Collection[str], arguments: Mapping[str, Any]) -> Rule | None:
    """The first rule that is about a call."""
    return next((rule for rule in rules if rule.matches(names, arguments)), None)


def _matches(glob: str, text: str) -> bool:
    return _compiled(glob).match(text) is not None


def _compiled(glob: str) -> re.Pattern[str]:
    # fnmatch's expressions take no longer than the text is long, however many stars a hostile rule has.
    standard = _SPECIAL.sub(lambda found: "[!" if found[1] is None else f"[{found[1]}]", glob)
    return re.compile(fnmatch.translate(standard), re.IGNORECASE)


def _is_one_command(prefix: str, command: str) -> bool:
    rest = command[len(prefix) - 1 :]
    return not _SEVERAL_COMMANDS.search(command) and (not rest or rest[0] in " \t" or prefix[-2] in " \t")


def _text(value: Any) -> str:
    """An argument as rules see it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
