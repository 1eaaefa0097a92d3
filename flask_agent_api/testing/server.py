"""The process behind FakeUpstream: plays scripted replies, byte by byte. Standard library only, runs as a script.

Commands come as JSON lines on standard input, one answer for each goes to standard output; the first line there is
the port. It ends when standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import ssl
import struct
import sys
import zlib
from typing import Any

_NO_REPLY = b'{"error": {"message": "FakeUpstream has no reply left", "type": "server_error", "code": "no_reply"}}'


class _State:
    """What all connections share."""

    def __init__(self) -> None:
        self.replies: list[list[list[Any]]] = []
        self.requests: list[dict[str, Any]] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.connections = 0
        self.open = 0
        self.aborted = 0
        self.peers: set[_Peer] = set()
        self.dimensions = 0

    def gate(self, name: str) -> asyncio.Event:
        return self.gates.setdefault(name, asyncio.Event())

    def command(self, command: dict[str, Any]) -> Any:
        if command["do"] == "queue":
            self.replies.append(command["steps"])
        elif command["do"] == "open":
            self.gate(command["gate"]).set()
        elif command["do"] == "embed":
            self.dimensions = command["dimensions"]
        return {
            "requests": self.requests[command.get("known", 0) :],
            "connections": self.connections,
            "open": self.open,
            "aborted": self.aborted,
        }


class _Peer(asyncio.Protocol):
    """One connection: a request, its reply, the next request."""

    transport: asyncio.Transport

    def __init__(self, state: _State) -> None:
        self.state = state
        self.buffer = b""
        self.task: asyncio.Task[None] | None = None
        self.writable = asyncio.Event()
        self.writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.state.connections += 1
        self.state.open += 1
        self.state.peers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.state.open -= 1
        self.state.peers.discard(self)
        if self.task:
            self.state.aborted += 1
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0 or self.task:
            return
        first, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = end + 4 + int(headers.get("content-length", 0))
        if len(self.buffer) < size:
            return
        body, self.buffer = self.buffer[end + 4 : size], self.buffer[size:]
        method, path, _ = first.split(" ", 2)
        request = {"method": method, "path": path, "headers": headers, "body": body.decode("utf-8", "replace")}
        self.state.requests.append(request)
        head = f"HTTP/1.1 500 No reply\r\nContent-Type: application/json\r\nContent-Length: {len(_NO_REPLY)}\r\n\r\n"
        default = [["send", (head.encode() + _NO_REPLY).decode("latin-1")]]
        if self.state.dimensions and path.endswith("/embeddings"):
            steps = [["send", _embeddings(json.loads(body), self.state.dimensions)]]
        else:
            steps = self.state.replies.pop(0) if self.state.replies else default
        self.task = asyncio.ensure_future(self.play(steps))

    async def play(self, steps: list[list[Any]]) -> None:
        for kind, value in steps:
            if kind == "send":
                self.transport.write(value.encode("latin-1"))
            elif kind == "pause":
                await asyncio.sleep(value)
            elif kind == "gate":
                await self.state.gate(value).wait()
            elif kind == "flood":
                await self.flood(value.encode("latin-1"))
            elif kind == "hang":
                await asyncio.Event().wait()
            else:
                self.end(reset=kind == "reset")
                return
        self.task = None
        if self.buffer:
            self.data_received(b"")

    async def flood(self, data: bytes) -> None:
        self.transport.set_write_buffer_limits(high=0)
        while True:
            self.transport.write(data)
            await self.writable.wait()
            await asyncio.sleep(0)

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def end(self, *, reset: bool) -> None:
        self.task = None
        if not reset:
            self.transport.close()
            return
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def _embeddings(body: Any, dimensions: int) -> str:
    """Vectors that are alike where texts have words in common."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = [{"index": index, "embedding": _vector(text, dimensions)} for index, text in enumerate(texts)]
    usage = dict.fromkeys(("prompt_tokens", "total_tokens"), sum(len(text.split()) for text in texts))
    answer = json.dumps({"object": "list", "data": data, "model": body["model"], "usage": usage})
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n{answer}"


def _vector(text: str, dimensions: int) -> list[float]:
    vector = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        vector[zlib.crc32(word.encode()) % dimensions] += 1.0
    return vector


async def _main(certificate: str, key: str) -> None:
    state = _State()
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Peer(state), "127.0.0.1", 0, ssl=context, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        if command["do"] == "reset":
            for peer in state.peers:
                peer.transport.abort()
            state = _State()
        print(json.dumps(state.command(command)), flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(*(sys.argv[1:] or ("", ""))))
