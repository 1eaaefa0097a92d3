"""As much of Hugging Face's Hub as the client library asks for: files of one dataset, and their list."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from types import TracebackType
from urllib.parse import unquote
from urllib.parse import urlsplit

DATASET = "/datasets/tiny-agents/tiny-agents"


class Hub:
    """Serves ``revisions``: by commit, the texts of files; ``names`` are branches and tags. ``paths`` are what came.

    With ``status`` it answers everything with that.
    """

    def __init__(self, revisions: Mapping[str, Mapping[str, str]], names: Mapping[str, str]) -> None:
        self.revisions = revisions
        self.names = dict(names)
        self.paths: list[str] = []
        self.status = 0
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(*hub.answer(unquote(urlsplit(self.path).path)))

            def do_HEAD(self) -> None:
                self.do_GET()

            def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Goes down."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        self.paths.append(path)
        if self.status:
            return self.status, {}, b""
        if path.startswith(f"/api{DATASET}/tree/"):
            files = self.revisions[self.names["main"]]
            rows = [{"type": "file", "path": name, "size": len(text), "oid": "0" * 40} for name, text in files.items()]
            return 200, {"Content-Type": "application/json"}, json.dumps(rows).encode()
        revision, _, name = path.removeprefix(f"{DATASET}/resolve/").partition("/")
        commit = self.names.get(revision, revision)
        if commit not in self.revisions:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        if name not in self.revisions[commit]:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, b""
        body = self.revisions[commit][name].encode()
        return 200, {"ETag": f'"{hashlib.sha1(body).hexdigest()}"', "X-Repo-Commit": commit}, body
