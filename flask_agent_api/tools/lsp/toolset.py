"""The toolset ``lsp``: one set of tools for all the language servers of an agent."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...context import RunContext
from ...errors import ToolError
from ...per_process import PerProcess
from ...types import JSONSchema
from ..arguments import text
from ..base import Tool
from . import questions
from . import show
from .questions import Do
from .questions import Question
from .server import Server
from .server import ServerConfig

_INTEGER: JSONSchema = {"type": "integer", "minimum": 1}
_FILE = {"file": {"type": "string", "description": "The file, from the working directory on."}}
_THERE = {
    **_FILE,
    "line": {**_INTEGER, "description": "The line, from 1 on."},
    "character": {**_INTEGER, "description": "The character in the line, from 1 on."},
}
_LINES = {
    **_FILE,
    "start_line": {**_INTEGER, "description": "The first line."},
    "end_line": {**_INTEGER, "description": "The last line."},
}


def _direction(*choices: str) -> Mapping[str, JSONSchema]:
    return {**_THERE, "direction": {"type": "string", "enum": [*choices], "description": "Which way to look."}}


@dataclass(frozen=True, slots=True)
class About:
    """A tool about a file: the capability that a server needs for it, what it does, and with what."""

    name: str
    capability: str
    description: str
    properties: Mapping[str, JSONSchema]
    do: Do
    optional: tuple[str, ...] = ()
    writes: bool = False


ABOUT_FILES = (
    About("lsp_hover", "hoverProvider", "Show the type and documentation of what is at a position.", _THERE,
          questions.hover),
    About("lsp_definition", "definitionProvider", "Find where the symbol at a position is defined.", _THERE,
          questions.definition),
    About("lsp_references", "referencesProvider",
          "Find all uses of the symbol at a position. Do so before you change what it is.",
          {**_THERE, "include_declaration": {"type": "boolean", "description": "With its declaration (the default)."}},
          questions.references, ("include_declaration",)),
    About("lsp_document_symbols", "documentSymbolProvider", "List the symbols of a file.", _FILE,
          questions.document_symbols),
    About("lsp_diagnostics", "", "List errors and warnings in a file. Do so after each change of it.", _FILE,
          questions.diagnostics),
    About("lsp_rename", "renameProvider", "Rename the symbol at a position, in all files. Changes files.",
          {**_THERE, "new_name": {"type": "string", "description": "The new name."}}, questions.rename, writes=True),
    About("lsp_code_actions", "codeActionProvider", "List quick fixes and refactorings for some lines.", _LINES,
          questions.code_actions, ("end_line",)),
    About("lsp_format", "documentFormattingProvider", "Format a file. Changes it.", _FILE,
          questions.format_file, writes=True),
    About("lsp_call_hierarchy", "callHierarchyProvider", "Find who calls a function, or what it calls.",
          _direction("incoming", "outgoing"), questions.call_hierarchy),
    About("lsp_type_hierarchy", "typeHierarchyProvider", "Find the types above or below a type.",
          _direction("supertypes", "subtypes"), questions.type_hierarchy),
    About("lsp_implementations", "implementationProvider", "Find what implements an interface or abstract method.",
          _THERE, questions.implementations),
    About("lsp_signature_help", "signatureHelpProvider", "Show the parameters of the function called at a position.",
          _THERE, questions.signature_help),
    About("lsp_inlay_hints", "inlayHintProvider", "Show types and names of parameters that the source leaves out.",
          _LINES, questions.inlay_hints, ("start_line", "end_line")),
)  # fmt: skip


class LSPToolset:
    """The tools of an agent's language servers. A call goes to the first that is for the file.

    ``configs`` is read when a run first needs it, so until then more servers may be added.
    """

    kind = "lsp"

    def __init__(self, configs: Sequence[ServerConfig]) -> None:
        self.name = "lsp"
        self._servers = PerProcess(lambda: [Server(config) for config in configs])

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """All, but those that no server can do, as far as that is known: servers are started by the first call."""
        servers = self._servers.get()
        about = [FileTool(servers, each) for each in ABOUT_FILES if _may_be_there(servers, each.capability)]
        found: list[Tool] = [WorkspaceTool(servers), *about]
        if _may_be_there(servers, "workspaceSymbolProvider"):
            found.append(SymbolsTool(servers))
        return found

    def instructions(self, ctx: RunContext) -> str:
        """How to go about it."""
        return (
            "The lsp tools ask language servers about code; lines and characters count from 1. Begin with "
            "lsp_workspace, find symbols with lsp_workspace_symbols and lsp_document_symbols. Before you change "
            "something look for its lsp_references and, of interfaces, lsp_implementations; after each change ask for "
            "lsp_diagnostics."
        )


def _may_be_there(servers: Sequence[Server], capability: str) -> bool:
    if not capability or not servers:
        return True
    return any((session := each.running) is None or session.can(capability) for each in servers)


class FileTool:
    """A tool about one file."""

    timeout: float | None = None

    def __init__(self, servers: Sequence[Server], about: About) -> None:
        self.name, self.description = about.name, about.description
        self.read_only = not about.writes
        self.needs = "write" if about.writes else ""
        required = [name for name in about.properties if name not in about.optional]
        self.parameters: JSONSchema = {"type": "object", "properties": dict(about.properties), "required": required}
        self._servers = servers
        self._about = about

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Asks the server that is for the file. Raises :class:`ToolError`."""
        file = text(arguments, "file")
        server = next((each for each in self._servers if each.config.handles(file)), None)
        if server is None:
            raise ToolError(f"no language server is configured for {file}")
        parts = server.config.jail.parts(file)
        session = server.session()
        if self._about.capability and not session.can(self._about.capability):
            raise ToolError(f"{server.config.name} cannot do this")
        with session.lock:
            session.documents.show(parts)
            return self._about.do(Question(session, parts, arguments, _seconds(server, ctx)))


class WorkspaceTool:
    """What the servers are and can do."""

    name = "lsp_workspace"
    description = "Show the working directory and what the language servers can do."
    parameters: JSONSchema = {"type": "object", "properties": {}}
    read_only = True
    timeout: float | None = None
    needs = ""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Asks each server, started if need be."""
        return _of_each(self._servers, self._described)

    def _described(self, server: Server) -> str:
        session, config = server.session(), server.config
        able = [each.name for each in ABOUT_FILES if not each.capability or session.can(each.capability)]
        return (
            f"- Root: {config.jail.root}\n- Server: {session.title or config.name}\n"
            f"- File types: {', '.join(config.file_types) or 'all'}\n- Available: {', '.join(able)}"
        )


class SymbolsTool:
    """Symbols all over the workspace."""

    name = "lsp_workspace_symbols"
    description = "Find symbols by a part of their name, in all files."
    parameters: JSONSchema = {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "A part of the name."}},
        "required": ["query"],
    }
    read_only = True
    timeout: float | None = None
    needs = ""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Asks each server that can tell. Raises :class:`ToolError`."""
        query = {"query": text(arguments, "query")}

        def found(server: Server) -> str:
            session = server.session()
            if not session.can("workspaceSymbolProvider"):
                return ""
            return show.symbols(session.connection.request("workspace/symbol", query, _seconds(server, ctx)))

        return _of_each(self._servers, found) or "No symbols found"


def _of_each(servers: Sequence[Server], ask: Callable[[Server], str]) -> str:
    """The answers of all; a failure is one, unless it is the only one."""
    answers = []
    for server in servers:
        try:
            answers.append(ask(server))
        except ToolError as exc:
            if len(servers) == 1:
                raise
            answers.append(f"Error: {exc}")
    return "\n---\n".join(filter(None, answers))


def _seconds(server: Server, ctx: RunContext) -> float:
    limit = server.config.call_timeout
    return min(ctx.settings.tool_timeout if limit is None else limit, ctx.remaining)
