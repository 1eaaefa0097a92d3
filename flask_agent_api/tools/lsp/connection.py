"""One language server that runs: requests, notifications, and what it says by itself."""

from __future__ import annotations

import contextvars
import itertools
import json
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ...concurrency import spawn
from ...errors import ToolError
from ..process import Command
from ..process import end_process
from ..process import start_process

_MOST_BYTES = 32 * 1024 * 1024
_READ_BYTES = 65536
_MOST_CHARS = 500
_METHOD_NOT_FOUND = -32601
_logger = logging.getLogger("flask_agent_api.lsp")


class Connection:
    """A process in a group of its own, and tasks that read what it writes.

    ``diagnostics`` are by URI. Raises :class:`ToolError` if the command cannot be started. Make it in the thread that
    serves requests: under gevent no other can have children.
    """

    def __init__(self, name: str, command: Command) -> None:
        self.diagnostics: dict[str, list[Any]] = {}
        self.told = threading.Condition()
        """Notified when diagnostics have come, and at the end."""
        self._name = name
        self._popen = start_process(command)
        self._ids = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._writing = threading.Lock()
        self._ended = False
        # They outlive the request that starts the server, so they must not hold on to its context.
        contextvars.Context().run(spawn, self._read)
        contextvars.Context().run(spawn, self._log)

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self._ended

    def request(self, method: str, params: Mapping[str, Any], seconds: float) -> Any:
        """The result. Raises :class:`ToolError`; a request that nobody waits for any longer is cancelled there."""
        number = next(self._ids)
        pending = self._pending[number] = _Pending()
        try:
            self._send({"id": number, "method": method, "params": params})
            if not pending.done.wait(min(seconds, threading.TIMEOUT_MAX)):
                raise ToolError(f"{self._name} did not answer within {seconds:.3g} seconds")
        finally:
            del self._pending[number]
            if not pending.done.is_set() and not self._ended:
                contextvars.Context().run(spawn, self._tell, "$/cancelRequest", {"id": number})
        if pending.problem:
            raise ToolError(f"{self._name}: {pending.problem}")
        return pending.result

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Tells the server something. Raises :class:`ToolError` if it has ended."""
        self._send({"method": method, "params": params})

    def close(self) -> None:
        """Ends the server and all that it started."""
        self._end("was ended")
        end_process(self._popen, 0.5)

    def _tell(self, method: str, params: Mapping[str, Any]) -> None:
        with suppress(ToolError):
            self.notify(method, params)

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        data = b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        with self._writing:
            left = memoryview(data)
            try:
                while left:
                    left = left[self._popen.stdin.write(left) :]
            except (OSError, ValueError):
                raise ToolError(f"{self._name} has ended") from None
            finally:
                if 0 < len(left) < len(data):  # the rest of a message cannot be sent later: its task was ended
                    contextvars.Context().run(spawn, self.close)

    def _read(self) -> None:
        """Takes messages until the server ends, or writes what is none."""
        buffer = bytearray()
        reason = "has ended"
        try:
            while data := self._popen.stdout.read(_READ_BYTES):
                buffer += data
                while (message := _taken(buffer)) is not None:
                    self._receive(message)
        except (OSError, ValueError, RecursionError) as exc:
            reason = "wrote what is no message of the protocol"
            _logger.warning("Language server %s %s: %s", self._name, reason, type(exc).__name__)
        self._end(reason)
        end_process(self._popen, 0.5)

    def _receive(self, message: Mapping[str, Any]) -> None:
        method, number = message.get("method"), message.get("id")
        params = message.get("params")
        if method is None and isinstance(number, int) and (pending := self._pending.get(number)):
            pending.answer(message)
        elif method == "textDocument/publishDiagnostics" and isinstance(params, dict):
            with self.told:
                self.diagnostics[str(params.get("uri"))] = list(params.get("diagnostics") or [])
                self.told.notify_all()
        elif method is not None and number is not None:
            contextvars.Context().run(spawn, self._reply, number, method, params)

    def _reply(self, number: Any, method: str, params: Any) -> None:
        """Answers a request of the server: nothing is configured here, and it may not change files by itself."""
        answer: dict[str, Any] = {"result": None}
        if method == "workspace/configuration":
            answer = {"result": [None for _ in (params or {}).get("items") or []]}
        elif method == "workspace/applyEdit":
            answer = {"result": {"applied": False, "failureReason": "only tools change files"}}
        elif not method.startswith(("client/", "window/", "workspace/")):
            answer = {"error": {"code": _METHOD_NOT_FOUND, "message": "not supported"}}
        with suppress(ToolError):
            self._send({"id": number, **answer})

    def _end(self, reason: str) -> None:
        self._ended = True
        for pending in list(self._pending.values()):
            pending.answer({"error": {"message": reason}})
        with self.told:
            self.told.notify_all()

    def _log(self) -> None:
        with suppress(OSError, ValueError):
            while data := self._popen.stderr.read(_READ_BYTES):
                _logger.debug("Language server %s: %s", self._name, data.decode(errors="replace").rstrip())


class _Pending:
    """A request that somebody waits for."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.result: Any = None
        self.problem = ""

    def answer(self, message: Mapping[str, Any]) -> None:
        error = message.get("error")
        if not self.done.is_set() and isinstance(error, dict):
            self.problem = " ".join(str(error.get("message") or "failed").split())[:_MOST_CHARS]
        self.result = message.get("result")
        self.done.set()


def _taken(buffer: bytearray) -> Mapping[str, Any] | None:
    """The first message, taken out of what was read; None if it is not all there. Raises ValueError."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > _READ_BYTES:
            raise ValueError("a header without end")
        return None
    head = dict(line.lower().split(b":", 1) for line in bytes(buffer[:end]).split(b"\r\n"))
    length = int(head[b"content-length"]) if b"content-length" in head else -1
    if not 0 <= length <= _MOST_BYTES:
        raise ValueError("no length, or too much")
    if len(buffer) < end + 4 + length:
        return None
    message = json.loads(bytes(buffer[end + 4 : end + 4 + length]))
    del buffer[: end + 4 + length]
    return message if isinstance(message, dict) else {}
