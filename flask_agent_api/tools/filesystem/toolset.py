"""The toolsets ``filesystem`` and ``file``."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ...context import RunContext
from ...types import JSONSchema
from ..base import Tool
from .bounds import Work
from .editing import edit_file
from .ignored import Ignored
from .jail import Jail
from .listing import directory_tree
from .listing import list_directory
from .post_edit import EDITORS
from .post_edit import PostEdit
from .post_edit import WithPostEdit
from .reading import read_file
from .reading import read_multiple_files
from .searching import search_files_content
from .tool import COUNT
from .tool import described
from .tool import Do
from .tool import FileTool
from .tool import FLAG
from .tool import TEXT
from .tool import TEXTS
from .writing import create_directory
from .writing import remove_directory
from .writing import write_file

SINGLE = frozenset({"read_file", "write_file", "edit_file"})
"""The tools of the toolset ``file``."""

_EDIT: JSONSchema = {
    "type": "object",
    "properties": {
        "oldText": described(TEXT, "Text that is in the file exactly once: take as much around it as that needs."),
        "newText": described(TEXT, "What to put in its place."),
    },
    "required": ["oldText", "newText"],
}
_FILE = described(TEXT, "The file, from the working directory on.")
_DIRECTORY = described(TEXT, "The directory, from the working directory on; `.` for that itself.")


class FilesystemToolset:
    """Tools on the files of one folder.

    With ``ignore_vcs`` listings and searches leave out what git does not keep. ``post_edits`` run after changes.
    """

    def __init__(
        self,
        name: str,
        jail: Jail,
        *,
        kind: str = "filesystem",
        ignore_vcs: bool = True,
        post_edits: Sequence[PostEdit] = (),
    ) -> None:
        self.kind = kind
        self.name = name
        self._jail = jail
        tools = [
            tool for tool in file_tools(jail, ignore_vcs=ignore_vcs) if kind == "filesystem" or tool.name in SINGLE
        ]
        self._tools: list[Tool] = [
            WithPostEdit(tool, jail, post_edits) if post_edits and tool.name in EDITORS else tool for tool in tools
        ]

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """All nine; of ``file`` the three for single files."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """Where paths begin, and which tool to take."""
        lines = [
            f"Your file tools work in {self._jail.root} and below it; paths begin there. Nothing else can be reached, "
            "and files that may hold secrets are kept back.",
        ]
        if self.kind == "filesystem":
            lines.append(
                "Find things with search_files_content, read several files with one read_multiple_files, and keep "
                "results short: excludePatterns in searches, max_depth in trees."
            )
        return "\n".join(lines)


def file_tools(jail: Jail, *, ignore_vcs: bool = True) -> Sequence[FileTool]:
    """The nine tools, by docker-agent's names and parameters."""
    return [*_reading(jail), *_writing(jail), *_looking(jail, ignore_vcs)]


def _reading(jail: Jail) -> list[FileTool]:
    return [
        FileTool(
            jail, "read_file",
            "Read a text file, all of it or some lines, or look at an image (PNG, JPEG, GIF, WebP).",
            {
                "path": _FILE,
                "line": described(COUNT, "The line to begin at, from 1 on; only for text."),
                "limit": described(COUNT, "How many lines to read; only for text."),
            },
            read_file, optional=("line", "limit"),
        ),
        FileTool(
            jail, "read_multiple_files",
            "Read several text files at once.",
            {
                "paths": described(TEXTS, "The files."),
                "json": described(FLAG, "Give the result back as JSON."),
            },
            read_multiple_files, optional=("json",),
        ),
    ]  # fmt: skip


def _writing(jail: Jail) -> list[FileTool]:
    return [
        FileTool(
            jail, "write_file",
            "Make a file, or replace all that is in it. Directories on the way are made.",
            {"path": _FILE, "content": described(TEXT, "All that is to be in the file.")},
            write_file, writes=True,
        ),
        FileTool(
            jail, "edit_file",
            "Replace parts of a text file. Each oldText must be in the file exactly once; if one is not, nothing is "
            "changed.",
            {
                "path": _FILE,
                "edits": described({"type": "array", "items": _EDIT}, "What to replace, in order."),
            },
            edit_file, writes=True,
        ),
        FileTool(
            jail, "create_directory",
            "Make directories, and those above them that are missing.",
            {"paths": described(TEXTS, "The directories.")},
            create_directory, writes=True,
        ),
        FileTool(
            jail, "remove_directory",
            "Remove directories that are empty.",
            {"paths": described(TEXTS, "The directories.")},
            remove_directory, writes=True,
        ),
    ]  # fmt: skip


def _looking(jail: Jail, ignore_vcs: bool) -> list[FileTool]:
    return [
        FileTool(
            jail, "list_directory",
            "List the files and directories in a directory.",
            {"path": _DIRECTORY},
            _with_ignored(list_directory, ignore_vcs),
        ),
        FileTool(
            jail, "directory_tree",
            "Show all that is below a directory, as nested JSON objects.",
            {"path": _DIRECTORY, "max_depth": described(COUNT, "How many levels to show.")},
            _with_ignored(directory_tree, ignore_vcs), optional=("max_depth",),
        ),
        FileTool(
            jail, "search_files_content",
            "Find lines in the text files below a directory: those with a text in them, or that a regular expression "
            "matches.",
            {
                "path": described(TEXT, "The directory to begin at, or one file."),
                "query": described(TEXT, "A text, or a regular expression. Case counts, but for (?i) in a regex."),
                "is_regex": described(FLAG, "The query is a regular expression."),
                "excludePatterns": described(TEXTS, "Globs of paths or names to leave out, for example `*.min.js`."),
            },
            _with_ignored(search_files_content, ignore_vcs), optional=("is_regex", "excludePatterns"),
        ),
    ]  # fmt: skip


def _with_ignored(do: Callable[[Jail, Mapping[str, Any], Work, Ignored], str], ignore_vcs: bool) -> Do:
    """The work with the ignore files as they are at the time of the call."""
    return lambda jail, arguments, work: do(jail, arguments, work, Ignored(jail, vcs=ignore_vcs))
