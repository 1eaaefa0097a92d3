"""Replacing parts of a text file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import ToolError
from ..arguments import from_json
from ..arguments import text
from .bounds import TEXT_BYTES
from .bounds import Work
from .content import read_bytes
from .content import refuse_binary
from .content import sniffed
from .jail import Jail
from .writing import place


@dataclass(frozen=True, slots=True)
class Edit:
    """A text that is in the file exactly once, and what stands there afterwards."""

    old: str
    new: str


def edit_file(jail: Jail, arguments: Mapping[str, Any], work: Work) -> str:
    """Applies all edits, one after the other, or none."""
    path, edits = text(arguments, "path"), _edits(arguments.get("edits"))
    with place(jail, jail.parts(path)) as target:
        content = _read(jail, target.parts)
        for number, edit in enumerate(edits, 1):
            content = _applied(content, edit, number)
        target.write(content)
    done = [f"Edit {number}: replaced {len(edit.old)} characters" for number, edit in enumerate(edits, 1)]
    return "\n".join([f"File edited successfully: {jail.shown(target.parts)}", *done])


def _edits(value: Any) -> list[Edit]:
    """The argument, which some models write as the text of its JSON, or as one edit without the list."""
    if isinstance(value, str):
        value = from_json(value)
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or not value:
        raise ToolError("`edits` must be a list of objects with `oldText` and `newText`")
    return [_edit(item, number) for number, item in enumerate(value, 1)]


def _edit(item: Any, number: int) -> Edit:
    old, new = (item.get("oldText"), item.get("newText")) if isinstance(item, dict) else (None, None)
    if not isinstance(old, str) or not isinstance(new, str):
        raise ToolError(f"edit {number}: `oldText` and `newText` must be texts. Nothing was changed")
    if not old:
        raise ToolError(f"edit {number}: oldText must not be empty. Nothing was changed")
    return Edit(old, new)


def _read(jail: Jail, parts: tuple[str, ...]) -> str:
    """The text to the byte: what cannot be written back as it is, is not edited."""
    with jail.reading(parts) as file:
        shown = jail.shown(parts)
        refuse_binary(sniffed(file), file, shown)
        try:
            return read_bytes(file, TEXT_BYTES, shown).decode()
        except UnicodeDecodeError:
            raise ToolError(f"{shown} is not UTF-8 text, it cannot be edited") from None


def _applied(content: str, edit: Edit, number: int) -> str:
    """The content after an edit. Models write no carriage returns: their line breaks are those of the file."""
    if "\r\n" in content and "\r" not in edit.old + edit.new:
        as_there = Edit(edit.old.replace("\n", "\r\n"), edit.new.replace("\n", "\r\n"))
        edit = as_there if as_there.old in content else edit
    count = content.count(edit.old)
    if not count:
        raise ToolError(f"edit {number}: old text not found. Nothing was changed; read the file again")
    if count > 1:
        raise ToolError(
            f"edit {number}: old text appears {count} times. Nothing was changed; include more of what is around it so "
            "that it appears once, or send one edit per occurrence"
        )
    return content.replace(edit.old, edit.new, 1)
