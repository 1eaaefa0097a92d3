"""The files that a language server was told of, always with what is in them now."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from urllib.parse import urlsplit

from ...concurrency import offload
from ...errors import ToolError
from ..filesystem.content import read_text
from ..filesystem.jail import Jail
from ..filesystem.jail import Parts
from .connection import Connection

_MOST_OPEN = 20
_LANGUAGES = {
    "c": "c", "cc": "cpp", "cpp": "cpp", "cs": "csharp", "css": "css", "cxx": "cpp", "dart": "dart", "erl": "erlang",
    "ex": "elixir", "exs": "elixir", "go": "go", "h": "c", "hpp": "cpp", "hs": "haskell", "html": "html",
    "java": "java", "js": "javascript", "json": "json", "jsx": "javascriptreact", "kt": "kotlin", "lua": "lua",
    "md": "markdown", "ml": "ocaml", "php": "php", "py": "python", "pyi": "python", "r": "r", "rb": "ruby",
    "rs": "rust", "scala": "scala", "scss": "scss", "sh": "shellscript", "sql": "sql", "swift": "swift",
    "tf": "terraform", "toml": "toml", "ts": "typescript", "tsx": "typescriptreact", "vue": "vue", "xml": "xml",
    "yaml": "yaml", "yml": "yaml", "zig": "zig",
}  # fmt: skip


class Documents:
    """The open files of one connection, below the root of a jail. The last twenty that were asked about stay open."""

    def __init__(self, jail: Jail, connection: Connection) -> None:
        self.jail = jail
        self._connection = connection
        self._open: OrderedDict[str, tuple[Parts, int, str]] = OrderedDict()

    def uri(self, parts: Parts) -> str:
        """The address of a file."""
        return Path(self.jail.root, *parts).as_uri()

    def show(self, parts: Parts) -> bool:
        """Tells the server what is in a file, and what has changed in the others; true if it was new to it.

        Raises :class:`ToolError` if the file cannot be read.
        """
        uri = self.uri(parts)
        text = offload(self.read, parts)
        new = uri not in self._open
        for known, (others, version, before) in list(self._open.items()):
            try:
                now = text if known == uri else offload(self.read, others)
            except ToolError:
                self._close(known)
                continue
            if now != before:
                self._change(known, others, version + 1, now)
        if new:
            name = parts[-1].rpartition(".")[2].lower()
            item = {"uri": uri, "languageId": _LANGUAGES.get(name, "plaintext"), "version": 1, "text": text}
            self._connection.notify("textDocument/didOpen", {"textDocument": item})
            self._open[uri] = (parts, 1, text)
        self._open.move_to_end(uri)
        while len(self._open) > _MOST_OPEN:
            self._close(next(iter(self._open)))
        return new

    def changed(self, parts: Parts) -> None:
        """Tells the server that a file on the disk has changed."""
        self._connection.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": self.uri(parts), "type": 2}]})

    def read(self, parts: Parts) -> str:
        """The text of a file. Raises :class:`ToolError`."""
        with self.jail.reading(parts) as file:
            return read_text(file, self.jail.shown(parts))

    def _change(self, uri: str, parts: Parts, version: int, text: str) -> None:
        self._open[uri] = (parts, version, text)
        document = {"uri": uri, "version": version}
        self._connection.diagnostics.pop(uri, None)
        self._connection.notify(
            "textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]}
        )

    def _close(self, uri: str) -> None:
        del self._open[uri]
        self._connection.diagnostics.pop(uri, None)
        self._connection.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def path_of(uri: Any) -> str:
    """The path in a file's address; another address as it is."""
    parts = urlsplit(str(uri))
    return unquote(parts.path) if parts.scheme == "file" else str(uri)
