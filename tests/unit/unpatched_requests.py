"""A script: requests of tools where gevent has patched nothing. Prints what it saw as JSON."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

from flask_agent_api.concurrency import patched
from flask_agent_api.errors import ToolError
from flask_agent_api.tools.http.client import Request
from flask_agent_api.tools.http.client import send
from flask_agent_api.tools.http.url import parse_url


def drip(server: socket.socket) -> None:
    """Answers the first request, then sends a byte now and then."""
    peer, _ = server.accept()
    with peer:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    peer, _ = server.accept()
    with peer:
        peer.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        try:
            while True:
                peer.sendall(b"y")
                time.sleep(0.02)
        except OSError:
            return


def get(url: str, seconds: float, *, private: bool) -> str:
    try:
        return send(Request("GET", parse_url(url), seconds=seconds), lambda url: private).text()
    except ToolError as exc:
        return str(exc)


with socket.create_server(("127.0.0.1", 0)) as server:
    threading.Thread(target=drip, args=(server,), daemon=True).start()
    url = f"http://localhost:{server.getsockname()[1]}/"
    answers = [get(url, 5, private=False).partition(",")[0], get(url, 5, private=True)]
    started = time.monotonic()
    answers.append(get(url, 0.3, private=True))
    quick = time.monotonic() - started < 2
json.dump({"patched": patched(), "answers": answers, "quick": quick}, sys.stdout)
