"""The options that every toolset of a docker-agent file may carry."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...models.base import Model
from ...tools.base import Toolset
from ...tools.deferred import Deferred
from ...tools.described import DescribedToolset
from ...tools.names import fit_name
from ...tools.narrowed import NarrowedToolset
from ...tools.prefixed import PrefixedToolset
from ...tools.routed import RoutedToolset
from ...tools.toon import has_toon
from ...tools.toon import ToonToolset
from ..section import Section

_PREFIXED = {"mcp"}  # types whose ``name`` stands before the names of their tools


def with_options(toolset: Toolset, entry: Section, reader: Model | None, *, read_only: bool) -> Toolset:
    """The toolset with what its entry says about names, tools, words and results, which ``reader`` reads.

    ``read_only`` is the agent's word, which the entry cannot take back. Raises :class:`ConfigError`.
    """
    toolset = _narrowed(toolset, entry, read_only=read_only)
    if toolset.kind in _PREFIXED and entry.has("name"):
        toolset = PrefixedToolset(toolset, entry.text("name"))
    if patterns := list(_toon_patterns(entry)):
        toolset = ToonToolset(toolset, patterns)
    return toolset if reader is None else RoutedToolset(toolset, reader)


def described(toolset: Toolset, agent: Section) -> Toolset:
    """The toolset, with an argument ``description`` for each of its tools if the agent wants that."""
    return DescribedToolset(toolset) if agent.data.get("add_description_parameter") is True else toolset


def deferral(toolset: Toolset, entry: Section) -> Deferred | None:
    """Which of the toolset's tools the model has to ask for; None for none."""
    defer = entry.data.get("defer")
    if not defer:
        return None
    if defer is True:
        return Deferred(toolset)
    prefix = _prefix(toolset, entry)
    return Deferred(toolset, frozenset(fit_name(prefix + name) for name in _own_names(entry, "defer", prefix)))


def _narrowed(toolset: Toolset, entry: Section, *, read_only: bool) -> Toolset:
    """The toolset with a part of its tools, or other words; in Python toolsets ``tools`` are import strings."""
    allowed = [] if toolset.kind == "python" else _own_names(entry, "tools", _prefix(toolset, entry))
    instruction = entry.text("instruction") or None
    read_only = read_only or entry.data.get("readonly") is True
    if not allowed and instruction is None and not read_only:
        return toolset
    return NarrowedToolset(toolset, allowed or None, instruction, read_only=read_only)


def _prefix(toolset: Toolset, entry: Section) -> str:
    return f"{fit_name(entry.text('name'))}_" if toolset.kind in _PREFIXED and entry.has("name") else ""


def _own_names(entry: Section, key: str, prefix: str) -> list[str]:
    """Names of tools without what ``name`` puts before them: a file may write them with it or without."""
    return [fit_name(name).removeprefix(prefix) for name in entry.texts(key)]


def _toon_patterns(entry: Section) -> Iterator[re.Pattern[str]]:
    """The regular expressions of ``toon``, which is a list with commas; none if the extra is not installed."""
    patterns = [pattern for part in entry.text("toon").split(",") if (pattern := part.strip())]
    if patterns and not has_toon():
        entry.warn("toon", "needs toon-format, results stay JSON until then: pip install 'flask-agent-api[toon]'")
        return
    for pattern in patterns:
        try:
            yield re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as exc:
            raise entry.error("toon", f'"{pattern}" is no regular expression: {exc}') from None
