"""A forward proxy."""

from __future__ import annotations

import socket
import threading

AUTHORIZATION = "Proxy-Authorization: Basic dXNlcjpwQHNz"


class Proxy:
    """Forwards what it gets, after a CONNECT or as it is, and keeps the heads of the requests."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.answer = answer
        self.heads: list[str] = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://user:p%40ss@127.0.0.1:{self.server.getsockname()[1]}"
        self.threads = [threading.Thread(target=self.serve, daemon=True)]
        self.threads[0].start()

    def serve(self) -> None:
        peer, _ = self.server.accept()
        with peer:
            head = b""
            while b"\r\n\r\n" not in head:
                head += peer.recv(65536)
            self.heads.append(head.decode())
            method, where, _ = self.heads[0].split(" ", 2)
            host, _, port = where.removeprefix("http://").partition("/")[0].rpartition(":")
            if method == "CONNECT":
                peer.sendall(self.answer)
                if b" 200 " not in self.answer:
                    return
            with socket.create_connection((host, int(port))) as origin:
                if method != "CONNECT":
                    origin.sendall(head)
                back = threading.Thread(target=self.copy, args=(origin, peer), daemon=True)
                back.start()
                self.copy(peer, origin)
                back.join()

    @staticmethod
    def copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self.server.close()
