"""Searching what is in files.

Regular expressions run on pydantic's engine: its time grows with the line and its memory has a limit, whatever a model
writes. It has the same notation as docker-agent's, and like that one neither back-references nor look-around.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import core_schema
from pydantic_core import SchemaError
from pydantic_core import SchemaValidator

from ...errors import ToolError
from ..arguments import flag
from ..arguments import text
from ..arguments import texts
from .bounds import MATCHES
from .bounds import SEARCHED_FILES
from .bounds import TEXT_BYTES
from .bounds import Work
from .content import is_binary
from .content import read_bytes
from .content import sniffed
from .ignored import Ignored
from .jail import Jail
from .jail import Parts
from .walking import Entry
from .walking import Walk

_QUERY_CHARS = 1_000
_LINE_CHARS = 2_000
_PREVIEW_CHARS = 200

Matches = Callable[[str], bool]


def search_files_content(jail: Jail, arguments: Mapping[str, Any], work: Work, ignored: Ignored) -> str:
    """Lines that match, as ``path:line: text``, and why there may be more."""
    matches = _matcher(text(arguments, "query"), is_regex=flag(arguments, "is_regex"))
    start, excluded = jail.parts(text(arguments, "path", ".")), texts(arguments, "excludePatterns")
    search = _Search(jail, matches, work)
    lines = search.lines(_files(jail, start, excluded, ignored, work))
    if search.cut:
        lines.append(f"[cut: {search.cut}. Narrow the search: a path further down, or excludePatterns]")
    return "\n".join(lines) or "No results found"


@dataclass(slots=True)
class _Search:
    """One search; ``cut`` is why it ended before its end."""

    jail: Jail
    matches: Matches
    work: Work
    cut: str = ""

    def lines(self, files: Iterator[Parts]) -> list[str]:
        """The matches, as many as the model gets to read."""
        lines: list[str] = []
        size = 0
        for searched, parts in enumerate(files):
            if searched == SEARCHED_FILES:
                self.cut = f"only {SEARCHED_FILES} files were searched"
                break
            for line in self._in_file(parts):
                size += len(line) + 1
                if len(lines) == MATCHES or size > self.work.chars - _PREVIEW_CHARS:
                    self.cut = f"there are more matches than these {len(lines)}"
                    return lines
                lines.append(line)
        if self.work.over:
            self.cut = "the time was up"
        return lines

    def _in_file(self, parts: Parts) -> Iterator[str]:
        shown = self.jail.shown(parts)
        for number, line in enumerate(_text(self.jail, parts).split("\n"), 1):
            if self.matches(line[:_LINE_CHARS]):
                yield f"{shown}:{number}: {_preview(line[:_LINE_CHARS], self.matches)}"
            if self.work.over:
                return


def _matcher(query: str, *, is_regex: bool) -> Matches:
    if not 0 < len(query) <= _QUERY_CHARS:
        raise ToolError(f"`query` must be a text of 1 to {_QUERY_CHARS} characters")
    if not is_regex:
        return lambda line: query in line
    try:
        return SchemaValidator(core_schema.str_schema(pattern=query, regex_engine="rust-regex")).isinstance_python
    except SchemaError as exc:
        why = str(exc).strip().rpartition("error: ")[2].partition("SchemaError: ")
        raise ToolError(f"invalid regular expression: {why[2] or why[0]}") from None


def _files(jail: Jail, start: Parts, excluded: Sequence[str], ignored: Ignored, work: Work) -> Iterator[Parts]:
    """The files to search. One that is asked for by its name is searched in any case."""
    try:
        with jail.reading(start):
            is_file = True
    except ToolError:
        is_file = False
    if is_file:
        yield start
        return
    with jail.folder(start) as (_, start):
        pass

    def skips(entry: Entry) -> bool:
        return _excludes(excluded, entry.parts[len(start) :]) or ignored(entry.parts, is_folder=entry.is_folder)

    yield from (entry.parts for entry in Walk(jail, skips, work).below(start) if entry.kind == "file")


def _excludes(patterns: Sequence[str], path: Parts) -> bool:
    """Whether a pattern fits the path from the start of the search on, or the name alone. ``x/*`` is all of ``x``."""
    for pattern in patterns:
        plain = pattern.removesuffix("/").removesuffix("/*").removesuffix("/**").removeprefix("**/")
        if any(fnmatch.fnmatchcase(name, plain) for name in ("/".join(path), path[-1])):
            return True
    return False


def _text(jail: Jail, parts: Parts) -> str:
    """What is in a file; nothing if it is none that can be searched."""
    try:
        with jail.reading(parts) as file:
            if is_binary(sniffed(file)):
                return ""
            return read_bytes(file, TEXT_BYTES, "").decode(errors="replace")
    except ToolError:
        return ""


def _preview(line: str, matches: Matches) -> str:
    """The line, or the part of a long one that matches."""
    if len(line) <= _PREVIEW_CHARS:
        return line.strip()
    step = _PREVIEW_CHARS // 2
    windows = (line[start : start + _PREVIEW_CHARS] for start in range(0, len(line), step))
    return next((window for window in windows if matches(window)), line[:_PREVIEW_CHARS]).strip()
