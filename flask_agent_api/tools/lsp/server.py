"""A language server as one process knows it: started when it is needed, and again when it has ended."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from ...errors import ToolError
from ...per_process import PerProcess
from ...redaction import keep_secrets
from ..filesystem.jail import Jail
from ..mcp.backoff import Backoff
from ..mcp.backoff import RestartPolicy
from ..process import Command
from .connection import Connection
from .documents import Documents

_DOCUMENT = (
    "callHierarchy", "codeAction", "definition", "documentSymbol", "formatting", "hover", "implementation", "inlayHint",
    "publishDiagnostics", "references", "rename", "signatureHelp", "synchronization", "typeHierarchy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """A language server: its command, the files it is for (extensions; none means all), and where it works.

    Times are in seconds; ``call_timeout`` None means the setting ``tool_timeout``.
    """

    name: str
    command: str
    jail: Jail
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    file_types: tuple[str, ...] = ()
    startup_timeout: float = 30.0
    call_timeout: float | None = None
    restarts: RestartPolicy = field(default_factory=RestartPolicy)

    def __post_init__(self) -> None:
        keep_secrets(self.env)

    def handles(self, file: str) -> bool:
        """Whether the server is for a file, by its extension."""
        extension = os.path.splitext(file)[1].lower().removeprefix(".")
        return not self.file_types or extension in {each.lower().removeprefix(".") for each in self.file_types}


class Session:
    """A server that has been started and told where it works. Its calls are made one at a time."""

    def __init__(self, config: ServerConfig) -> None:
        root = config.jail.root
        command = Command((config.command, *config.args), root, config.env)
        self.connection = Connection(config.name, command)
        self.documents = Documents(config.jail, self.connection)
        self.lock = threading.Lock()
        _sessions.get().add(self)
        started = False
        try:
            self._said = self.connection.request("initialize", _initialize(root), config.startup_timeout)
            self.connection.notify("initialized", {})
            started = True
        finally:
            if not started:
                self.connection.close()

    def can(self, capability: str) -> bool:
        """Whether the server offers something, ``hoverProvider`` for example."""
        capabilities = self._said.get("capabilities") if isinstance(self._said, dict) else None
        return (capabilities or {}).get(capability) not in (None, False)

    @property
    def title(self) -> str:
        """What the server calls itself."""
        info = self._said.get("serverInfo") if isinstance(self._said, dict) else None
        return " ".join(str(text) for text in ((info or {}).get("name"), (info or {}).get("version")) if text)


class Server:
    """Starts a session for the first that needs it; nothing is started before."""

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._backoff = Backoff(config.restarts)

    @property
    def running(self) -> Session | None:
        """The session, if there is one."""
        session = self._session
        return session if session is not None and session.connection.alive else None

    def session(self) -> Session:
        """The session, started if need be. Raises :class:`ToolError`, at once while it is too early to try again."""
        with self._lock:
            if running := self.running:
                return running
            if self._session is not None:
                self._session = None
                self._backoff.ended("it has ended")
            if (wait := self._backoff.wait()) > 0:
                again = "it is not started again" if wait == float("inf") else f"the next attempt is in {wait:.0f} s"
                raise ToolError(f"{self.config.name}: {self._backoff.reason or 'it starts too often'}; {again}")
            self._backoff.starting()
            try:
                self._session = Session(self.config)
            except ToolError as exc:
                self._backoff.failed(str(exc))
                raise
            self._backoff.started()
            return self._session


def _initialize(root: str) -> dict[str, Any]:
    uri = Path(root).as_uri()
    document: dict[str, Any] = {name: {} for name in _DOCUMENT}
    document["hover"] = {"contentFormat": ["markdown", "plaintext"]}
    document["documentSymbol"] = {"hierarchicalDocumentSymbolSupport": True}
    document["codeAction"] = {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "refactor"]}}}
    workspace = {"symbol": {}, "workspaceEdit": {"documentChanges": True}, "configuration": True}
    return {
        "processId": os.getpid(),
        "rootUri": uri,
        "rootPath": root,
        "workspaceFolders": [{"uri": uri, "name": os.path.basename(root)}],
        "capabilities": {"textDocument": document, "workspace": workspace},
    }


def _new_sessions() -> weakref.WeakSet[Session]:
    atexit.register(_close_all)
    return weakref.WeakSet()


_sessions: PerProcess[weakref.WeakSet[Session]] = PerProcess(_new_sessions)


def _close_all() -> None:
    """No server outlives the process that started it."""
    for session in list(_sessions.peek() or ()):
        session.connection.close()
