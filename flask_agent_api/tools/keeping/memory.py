"""Notes that an agent keeps from one conversation to the next, for each caller apart."""

from __future__ import annotations

import time
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime
from datetime import timezone
from functools import partial
from typing import Any

from ...context import RunContext
from ...errors import ToolError
from ...types import JSONSchema
from ..arguments import text
from ..base import Tool
from .listing import as_json_list
from .records import Record
from .records import RecordFile
from .records import Records
from .tool import RecordTool

MAX_NOTES = 1_000
"""Notes of one caller."""

MAX_CHARS = 4_000
"""Characters of a note."""

MAX_CATEGORY = 100
"""Characters of a category."""

_INSTRUCTIONS = """\
You can remember things from one conversation to the next, for this user alone.
Before you answer, look whether you know something that matters: search_memories finds notes by words and category, \
get_memories gives all of them. When you learn something worth knowing next time (a preference, a correction, a \
decision, a lasting fact), keep it with add_memory in a short sentence, or mend an older note with update_memory. \
Categories such as preference, fact, project or decision help to find it again. Do not speak of your notes unless you \
are asked, and keep no passwords or keys."""


class MemoryToolset:
    """``add_memory``, ``get_memories``, ``delete_memory``, ``search_memories`` and ``update_memory``.

    Each caller has notes of their own, which no other sees. All need ``memory`` in ``AGENT_API_ALLOW``. Toolsets with
    one ``file`` share their notes.
    """

    kind = "memory"

    def __init__(self, file: RecordFile, name: str = "memory") -> None:
        self.name = name
        self._tools = tuple(memory_tools(file))

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The five tools."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """What to remember, and when to look."""
        return _INSTRUCTIONS


def memory_tools(file: RecordFile) -> Sequence[Tool]:
    """The tools on the notes in a file."""
    tool = partial(RecordTool, file, MemoryToolset.kind)
    note, id_ = _text("The note, as text."), _text("The note's id.")
    return (
        tool(
            "add_memory", "Keep a new note for later conversations.",
            {"memory": note, "category": _text("What kind of note it is, for example preference, fact or project.")},
            add_memory, _said("added successfully with ID: {}"), optional=("category",),
        ),
        tool("get_memories", "Read all notes, the latest first.", {}, get_memories, as_json_list, read_only=True),
        tool(
            "delete_memory", "Forget a note.", {"id": id_},
            delete_memory, _said("with ID {} deleted successfully"),
        ),
        tool(
            "search_memories", "Read the notes that have some words in them, or that are of a category.",
            {"query": _text("Words, all of which are in the note."), "category": _text("The notes' category.")},
            search_memories, as_json_list, optional=("query", "category"), read_only=True,
        ),
        tool(
            "update_memory", "Change a note.",
            {"id": id_, "memory": note, "category": _text("A new category. It stays as it is if you leave this out.")},
            update_memory, _said("with ID {} updated successfully"), optional=("category",),
        ),
    )  # fmt: skip


def add_memory(notes: Records, arguments: Mapping[str, Any]) -> str:
    """Adds a note; returns its id."""
    memory, category = _memory(arguments), _category(arguments)
    if len(notes) >= MAX_NOTES:
        raise ToolError(f"there are {MAX_NOTES} notes, which is the most: delete one first")
    number = time.time_ns()
    while str(number) in notes:
        number += 1
    created = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    notes[str(number)] = {"id": str(number), "created_at": created, "memory": memory, "category": category}
    return str(number)


def get_memories(notes: Records, arguments: Mapping[str, Any]) -> list[Record]:
    """All notes, the latest first: where there is no room for all, those are the ones to know."""
    return [_shown(note) for note in reversed(notes.values())]


def search_memories(notes: Records, arguments: Mapping[str, Any]) -> list[Record]:
    """The notes that have all words of ``query`` in them, and are of the ``category``; the case of letters is one."""
    words = text(arguments, "query", "").casefold().split()
    category = _category(arguments).casefold()
    return [
        _shown(note)
        for note in reversed(notes.values())
        if all(word in note["memory"].casefold() for word in words)
        if not category or note["category"].casefold() == category
    ]


def update_memory(notes: Records, arguments: Mapping[str, Any]) -> str:
    """Changes a note; returns its id."""
    note = notes[_known(notes, arguments)]
    note["memory"] = _memory(arguments)
    if arguments.get("category") is not None:
        note["category"] = _category(arguments)
    return str(note["id"])


def delete_memory(notes: Records, arguments: Mapping[str, Any]) -> str:
    """Deletes a note; returns its id."""
    id_ = _known(notes, arguments)
    del notes[id_]
    return id_


def _known(notes: Records, arguments: Mapping[str, Any]) -> str:
    id_ = arguments.get("id")
    if isinstance(id_, int) and not isinstance(id_, bool):  # ids are digits, and models write them as numbers
        id_ = str(id_)
    if not isinstance(id_, str) or id_.strip() not in notes:
        raise ToolError(f"there is no memory with the ID {id_!r}: get_memories shows the IDs")
    return id_.strip()


def _memory(arguments: Mapping[str, Any]) -> str:
    memory = text(arguments, "memory").strip()
    if not memory:
        raise ToolError("`memory` must not be empty")
    if len(memory) > MAX_CHARS:
        raise ToolError(f"`memory` has {len(memory)} characters, and {MAX_CHARS} are the most: put it shorter")
    return memory


def _category(arguments: Mapping[str, Any]) -> str:
    category = text(arguments, "category", "").strip()
    if len(category) > MAX_CATEGORY:
        raise ToolError(f"`category` may have {MAX_CATEGORY} characters: use a word or two")
    return category


def _shown(note: Record) -> Record:
    """A note without a category has no such key."""
    return {key: value for key, value in note.items() if key != "category" or value}


def _text(description: str) -> JSONSchema:
    return {"type": "string", "description": description}


def _said(sentence: str) -> Any:
    return lambda id_, room: f"Memory {sentence.format(id_)}"
