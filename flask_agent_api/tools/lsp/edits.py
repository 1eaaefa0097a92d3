"""What a language server wants changed in files, done below the root and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from ...errors import ToolError
from ..filesystem.content import read_text
from ..filesystem.jail import Jail
from ..filesystem.jail import Parts
from ..filesystem.writing import place
from .documents import path_of

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def edits_by_file(jail: Jail, edit: Any) -> dict[Parts, list[Mapping[str, Any]]]:
    """The edits of a WorkspaceEdit. Raises :class:`ToolError` if one is outside, or is no change of a text."""
    found: dict[Parts, list[Mapping[str, Any]]] = {}
    for uri, edits in _changes(edit if isinstance(edit, dict) else {}):
        parts = jail.parts(path_of(uri))
        jail.check(parts, writing=True)
        found.setdefault(parts, []).extend(edits)
    return found


def _changes(edit: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    if edit.get("documentChanges"):
        for change in edit["documentChanges"]:
            if "textDocument" not in change:
                raise ToolError("the language server wants to make, move or delete files, which is not supported")
            yield str(change["textDocument"]["uri"]), list(change["edits"])
        return
    for uri, edits in (edit.get("changes") or {}).items():
        yield str(uri), list(edits)


def apply(jail: Jail, parts: Parts, edits: list[Mapping[str, Any]], before: str) -> None:
    """Changes a file, if it still holds what the edits are for. Raises :class:`ToolError`."""
    changed = edited(before, edits)
    with place(jail, parts) as target:
        with jail.reading(parts) as file:
            if read_text(file, jail.shown(parts)) != before:
                raise ToolError(f"{jail.shown(parts)} was changed by somebody else meanwhile, try again")
        target.write(changed)


def edited(text: str, edits: list[Mapping[str, Any]]) -> str:
    """The text with all edits made. Positions count UTF-16 units, as the protocol has it."""
    lines = _LINE.findall(text)
    spans = [
        (_offset(lines, each["range"]["start"]), _offset(lines, each["range"]["end"]), number, str(each["newText"]))
        for number, each in enumerate(edits)  # several at one place keep their order
    ]
    for start, end, _, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _offset(lines: list[str], position: Mapping[str, int]) -> int:
    """Where a position is in the text."""
    number, character = position["line"], position["character"]
    before = sum(map(len, lines[:number]))
    if number >= len(lines):
        return before
    line = lines[number].rstrip("\r\n")
    return before + len(line.encode("utf-16-le")[: 2 * character].decode("utf-16-le", "ignore"))
