"""A server in the tests' own process, with a greenlet for each connection."""

from __future__ import annotations

import http.server
import json
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

from typing_extensions import Self

from flask_agent_api.concurrency import spawn


class LocalServer:
    """Serves while it is a context; ``respond`` is for a subclass to say."""

    def __init__(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.respond(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

            do_POST = do_PUT = do_DELETE = do_GET

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def respond(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answers one request."""
        raise NotImplementedError

    def send(self, handler: BaseHTTPRequestHandler, body: bytes, content_type: str, status: int = 200) -> None:
        """Sends an answer."""
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def send_json(self, handler: BaseHTTPRequestHandler, body: Any, status: int = 200) -> None:
        """Sends an answer in JSON."""
        self.send(handler, json.dumps(body).encode(), "application/json", status)

    def __enter__(self) -> Self:
        self._serving = spawn(self._server.serve_forever, 0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._serving.join(5)
