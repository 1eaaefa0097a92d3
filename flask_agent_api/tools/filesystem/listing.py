"""Showing what is in folders."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from ...errors import ToolError
from ..arguments import positive
from ..arguments import text
from .bounds import DEPTH
from .bounds import LISTED
from .bounds import TREE
from .bounds import Work
from .ignored import Ignored
from .jail import Jail
from .jail import Parts
from .jail import printable
from .walking import entries
from .walking import Entry

_WORDS = {"directory": "DIR ", "file": "FILE", "link": "LINK", "other": "OTHER"}


def list_directory(jail: Jail, arguments: Mapping[str, Any], work: Work, ignored: Ignored) -> str:
    """One line for each entry. That there is none is said, as models take silence for a failure."""
    parts = jail.parts(text(arguments, "path", "."))
    found = list(entries(jail, parts))
    shown = [entry for entry in found if not ignored(entry.parts, is_folder=entry.is_folder)]
    lines = [f"{_WORDS[entry.kind]} {printable(entry.parts[-1])}" for entry in shown[:LISTED]]
    if len(shown) > LISTED:
        lines.append(f"[cut: {len(shown) - LISTED} more entries]")
    if not found:
        return f"Directory is empty: {jail.shown(parts)}"
    hidden = f"Directory has no visible entries ({len(found)} hidden by ignore patterns): {jail.shown(parts)}"
    return "\n".join(lines) or hidden


def directory_tree(jail: Jail, arguments: Mapping[str, Any], work: Work, ignored: Ignored) -> str:
    """Nested objects with ``name``, ``type`` and, for folders, ``children``."""
    parts, depth = jail.parts(text(arguments, "path", ".")), positive(arguments, "max_depth") or DEPTH
    root: dict[str, Any] = {"name": printable(parts[-1]) if parts else ".", "type": "directory", "children": []}
    cut = _grow(root, parts, jail, ignored, work, depth)
    tree = json.dumps(root, ensure_ascii=False)
    return f"{tree}\n[cut: not all that is in there is shown; ask for a part of it]" if cut else tree


def _grow(root: dict[str, Any], start: Parts, jail: Jail, ignored: Ignored, work: Work, depth: int) -> bool:
    """Fills the tree level by level, so that what is cut is what is deepest. Whether anything was."""
    waiting: deque[tuple[dict[str, Any], Parts, int]] = deque([(root, start, 1)])
    left = TREE
    while waiting:
        node, parts, level = waiting.popleft()
        for entry in _readable(jail, parts, is_start=level == 1):
            if ignored(entry.parts, is_folder=entry.is_folder):
                continue
            if not left or work.over:
                return True
            left -= 1
            child: dict[str, Any] = {"name": printable(entry.parts[-1]), "type": "file"}
            node["children"].append(child)
            if entry.is_folder:
                child |= {"type": "directory", "children": []}
                if level < depth:
                    waiting.append((child, entry.parts, level + 1))
    return False


def _readable(jail: Jail, parts: Parts, *, is_start: bool) -> list[Entry]:
    """What is in a folder; nothing if it cannot be read, unless it is what was asked for."""
    try:
        return list(entries(jail, parts))
    except ToolError:
        if is_start:
            raise
        return []
