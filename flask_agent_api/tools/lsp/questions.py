"""What can be asked of a language server about files, and what it can be told to do: the work of each tool."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...concurrency import offload
from ...errors import ToolError
from ..arguments import flag
from ..arguments import positive
from ..arguments import text
from ..filesystem.jail import Parts
from . import show
from .edits import apply
from .edits import edits_by_file
from .server import Session

DIAGNOSTICS_SECONDS = 3.0
"""How long a server may take for the first diagnostics of a file; they come unasked."""

_WHOLE_LINE = 1_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """One call: the session, the file that it is about, the model's arguments, and the seconds it may take."""

    session: Session
    parts: Parts
    arguments: Mapping[str, Any]
    seconds: float

    def ask(self, method: str, **params: Any) -> Any:
        """A request about the file. Raises :class:`ToolError`."""
        document = {"uri": self.session.documents.uri(self.parts)}
        return self.session.connection.request(
            f"textDocument/{method}", {"textDocument": document, **params}, self.seconds
        )

    def ask_there(self, method: str, **params: Any) -> Any:
        """A request about a position. Raises :class:`ToolError`."""
        line, character = _required(self.arguments, "line"), _required(self.arguments, "character")
        return self.ask(method, position={"line": line - 1, "character": character - 1}, **params)


Do = Callable[[Question], str]


def hover(question: Question) -> str:
    return show.hover(question.ask_there("hover")) or "No information available at this position"


def definition(question: Question) -> str:
    return show.locations(question.ask_there("definition")) or "No definition found at this position"


def implementations(question: Question) -> str:
    return show.locations(question.ask_there("implementation")) or "No implementations found"


def references(question: Question) -> str:
    declared = question.arguments.get("include_declaration") is None or flag(question.arguments, "include_declaration")
    found = question.ask_there("references", context={"includeDeclaration": declared})
    return show.locations(found) or "No references found"


def document_symbols(question: Question) -> str:
    return show.symbols(question.ask("documentSymbol")) or "No symbols found in file"


def signature_help(question: Question) -> str:
    return show.signatures(question.ask_there("signatureHelp")) or "No signature at this position"


def inlay_hints(question: Question) -> str:
    first = positive(question.arguments, "start_line") or 1
    last = positive(question.arguments, "end_line") or _WHOLE_LINE
    return show.hints(question.ask("inlayHint", range=_lines(first, last))) or "No inlay hints"


def diagnostics(question: Question) -> str:
    """Waits for those that have not come yet: a server sends them when it has read the file."""
    connection, uri = question.session.connection, question.session.documents.uri(question.parts)
    until = time.monotonic() + min(DIAGNOSTICS_SECONDS, question.seconds)
    with connection.told:
        while uri not in connection.diagnostics and connection.alive and time.monotonic() < until:
            connection.told.wait(max(0.0, until - time.monotonic()))
        found = connection.diagnostics.get(uri)
    if found is None:
        return "The language server has not said anything about this file yet"
    return show.diagnostics(found) or "No diagnostics"


def code_actions(question: Question) -> str:
    first = _required(question.arguments, "start_line")
    last = positive(question.arguments, "end_line") or first
    known = question.session.connection.diagnostics.get(question.session.documents.uri(question.parts), [])
    there = [each for each in known if first <= each["range"]["start"]["line"] + 1 <= last]
    found = question.ask("codeAction", range=_lines(first, last), context={"diagnostics": there})
    return show.actions(found) or "No code actions available there"


def call_hierarchy(question: Question) -> str:
    direction = _one_of(question.arguments, "direction", "incoming", "outgoing")
    key = "from" if direction == "incoming" else "to"
    return _hierarchy(question, "CallHierarchy", f"callHierarchy/{direction}Calls", lambda got: show.calls(got, key))


def type_hierarchy(question: Question) -> str:
    direction = _one_of(question.arguments, "direction", "supertypes", "subtypes")
    return _hierarchy(question, "TypeHierarchy", f"typeHierarchy/{direction}", show.types)


def _hierarchy(question: Question, kind: str, method: str, shown: Callable[[Any], str]) -> str:
    lines = []
    for item in show.as_list(question.ask_there(f"prepare{kind}")):
        found = question.session.connection.request(method, {"item": item}, question.seconds)
        lines.append(f"{item.get('name')}:\n{shown(found) or '(none)'}")
    return "\n".join(lines) or "No information available at this position"


def rename(question: Question) -> str:
    """Renames all over the workspace: all files are looked at before the first is changed."""
    new = text(question.arguments, "new_name")
    session, jail = question.session, question.session.documents.jail
    changes = edits_by_file(jail, question.ask_there("rename", newName=new))
    before = {parts: offload(session.documents.read, parts) for parts in changes}
    for parts, edits in changes.items():
        offload(apply, jail, parts, edits, before[parts])
        session.documents.changed(parts)
    if not changes:
        raise ToolError("nothing can be renamed at this position")
    files = "\n".join(f"- {jail.shown(parts)} ({len(edits)} edits)" for parts, edits in changes.items())
    return f"Renamed to {new} in {len(changes)} file(s):\n{files}"


def format_file(question: Question) -> str:
    """Has the server say how the file should look, and writes that."""
    session, jail = question.session, question.session.documents.jail
    before = offload(session.documents.read, question.parts)
    edits = show.as_list(question.ask("formatting", options={"tabSize": 4, "insertSpaces": True}))
    if not edits:
        return "No formatting changes needed"
    offload(apply, jail, question.parts, edits, before)
    session.documents.changed(question.parts)
    return f"Formatted {jail.shown(question.parts)}"


def _lines(first: int, last: int) -> dict[str, Any]:
    return {"start": {"line": first - 1, "character": 0}, "end": {"line": last, "character": 0}}


def _required(arguments: Mapping[str, Any], name: str) -> int:
    value = positive(arguments, name)
    if value is None:
        raise ToolError(f"`{name}` must be a whole number, 1 or more")
    return value


def _one_of(arguments: Mapping[str, Any], name: str, *choices: str) -> str:
    value = arguments.get(name)
    if value not in choices:
        raise ToolError(f"`{name}` must be one of {', '.join(choices)}")
    return str(value)
