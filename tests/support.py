"""What tests share: real servers, a raw HTTP client, waiting for a state, and reading a stream."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from gunicorn.config import KNOWN_SETTINGS
from openai.types.chat import ChatCompletionChunk

from flask_agent_api.testing import collect_sse
from tests import canaries
from tests.ports import free_port
from tests.ports import listens
from tests.processes import children
from tests.waiting import wait_until
from tests.wire import CheckedResponse

QUESTION = {"messages": [{"role": "user", "content": "hi"}]}
_NEWER = any(setting.name == "control_socket_disable" for setting in KNOWN_SETTINGS)
NO_CONTROL_SOCKET = ["--no-control-socket"] if _NEWER else []
"""Options for gunicorn: that socket is one file in the home folder for all servers of a user."""


class Server:
    """A real server in a process group of its own, with ``files`` in ``folder``, which is its working directory.

    ``kind`` is ``gevent`` or ``gthread`` (gunicorn), ``flask`` (``flask run``) or ``waitress``, unless given what the
    tests were told to run under; ``app`` is what they serve. ``options`` are for gunicorn. ``env`` is added to an
    environment without settings of ours.
    """

    default_kind = "gevent"

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, str],
        *options: str,
        kind: str = "",
        app: str = "app:app",
        env: Mapping[str, str] | None = None,
    ) -> None:
        for name, text in files.items():
            (folder / name).write_text(text)
        self.port = free_port()
        self.folder = folder
        self._log = folder / "server.log"
        self._secrets = canaries.plant(env or {})
        own = {name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "WEB_", "PORT"))}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(kind or self.default_kind, app, options),
                cwd=folder, env={**own, **(env or {})}, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _command(self, kind: str, app: str, options: Iterable[str]) -> list[str]:
        if kind == "flask":
            return [sys.executable, "-m", "flask", "--app", app, "run", "-p", str(self.port)]
        if kind == "waitress":
            return [sys.executable, "-m", "waitress", "--listen", f"127.0.0.1:{self.port}", app]
        threads = ["--threads", "8"] if kind == "gthread" else []
        bind = ["-b", f"127.0.0.1:{self.port}", "--graceful-timeout", "2", *NO_CONTROL_SOCKET]
        return [sys.executable, "-m", "gunicorn", "-k", kind, *threads, *bind, *options, app]

    def __enter__(self) -> Server:
        try:
            wait_until(self._accepts, 60.0)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _accepts(self) -> bool:
        assert self._process.poll() is None, self.log
        return listens(self.port)

    @property
    def pid(self) -> int:
        """The process that was started: gunicorn's master."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return self._log.read_text(errors="replace")

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def memory_mib(self) -> float:
        """Resident memory of the workers."""
        pages = [int(Path(f"/proc/{child}/statm").read_text().split()[1]) for child in children(self.pid)]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def stop(self) -> None:
        """SIGKILL for the whole process group: what ends well by SIGTERM is tested where it matters."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(5.0)
        canaries.look_at(self.log, "the server's log", self._secrets)


class RawClient:
    """One connection, on which requests go out byte by byte as given; a new one when the server said it would close."""

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self._address = ("127.0.0.1", port)
        self._will_close = False
        self.sock = socket.create_connection(self._address, timeout)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.sock.close()

    def send(self, method: str, path: str, *headers: str, body: bytes = b"", version: str = "1.1") -> None:
        """Sends a request; a body gets its length and JSON's type unless ``headers`` say otherwise."""
        if self._will_close:
            timeout = self.sock.gettimeout()
            self.sock.close()
            self._will_close, self.sock = False, socket.create_connection(self._address, timeout)
        lines = [f"{method} {path} HTTP/{version}", "Host: 127.0.0.1", *headers]
        names = {header.partition(":")[0].lower() for header in headers}
        if body and "content-type" not in names:
            lines.append("Content-Type: application/json")
        if body and not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def post(self, stream: bool = False, prefix: str = "/v1", **fields: Any) -> None:
        """Sends a chat completion request."""
        body = json.dumps({**QUESTION, "stream": stream, **fields}).encode()
        self.send("POST", f"{prefix}/chat/completions", body=body)

    def response(self, method: str = "GET") -> http.client.HTTPResponse:
        """The head of the next response; its body is still to be read."""
        response = CheckedResponse(self.sock, method=method)
        response.begin()
        self._will_close = response.will_close
        return response

    def reset(self) -> None:
        """Closes with RST, as a client does that is killed."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def frames(body: str | bytes) -> list[str]:
    """The frames of a part of a stream, comments left out; each must be one ``data:`` line."""
    text = body if isinstance(body, str) else body.decode()
    assert text.endswith("\n\n"), text[-200:]
    parts = [part for part in text.removesuffix("\n\n").split("\n\n") if not part.startswith(":")]
    assert all(part.startswith("data: ") and len(part.splitlines()) == 1 for part in parts), parts
    return [part.removeprefix("data: ") for part in parts]


def chunks(body: str | bytes) -> list[ChatCompletionChunk]:
    """The chunks of a stream that ended well, its grammar checked, and each by the SDK's own types, strictly."""
    assert collect_sse(body if isinstance(body, bytes) else body.encode()).error is None
    *data, _ = frames(body)
    return [ChatCompletionChunk.model_validate_json(each, strict=True) for each in data]


def text_of(stream: Iterable[ChatCompletionChunk]) -> str:
    """The answer's text."""
    return "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)
