"""A provider of models that plays what the model's name says. Standard library only, runs as a script.

=================  ====================================================================================================
stream-COUNT-MS    COUNT chunks of text, MS milliseconds apart (0: all at once)
tool-COUNT-MS      a call of the tool ``lookup``; once its result has come, a stream as above
cut-COUNT-MS       a stream as above whose connection closes in place of an end
status-CODE        an error with that HTTP status
=================  ====================================================================================================

The text of a chunk is ``@`` and 15 digits: the microseconds of the monotonic clock at which it was sent, so that
whoever reads it on the same machine knows how late it came; zeros where all are sent at once. ``GET /stats`` tells how
many connections are open, how many streams play, and how many ended early because their client went.
``GET /close-idle`` closes the connections that wait for a request.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
USAGE = {"prompt_tokens": 10, "completion_tokens": 100, "total_tokens": 110}
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": '{"key": "a"}'}}


def framed(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def frame(delta: dict[str, Any], finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    """One event with a ``chat.completion.chunk``."""
    choices = [] if usage else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    return framed(b"data: " + json.dumps(chunk | ({"usage": usage} if usage else {})).encode() + b"\n\n")


FIRST = HEAD + frame({"role": "assistant", "content": ""})
ZERO = b"@" + b"0" * 15
TEXT = frame({"content": ZERO.decode()})
DONE = frame({}, usage=USAGE) + framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def answer(status: int, body: dict[str, Any]) -> bytes:
    """A whole response."""
    data = json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status, len(data), data,
    )  # fmt: skip


class Provider:
    """What all connections share."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.counts: Counter[str] = Counter()

    def stats(self) -> dict[str, int]:
        """What ``GET /stats`` answers."""
        playing = sum(connection.playing for connection in self.connections)
        return {"open": len(self.connections), "playing": playing, **self.counts}


class Connection(asyncio.Protocol):
    """One request after the other."""

    transport: asyncio.Transport

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.buffer = b""
        self.next: asyncio.TimerHandle | None = None

    @property
    def playing(self) -> bool:
        """Whether a stream is under way."""
        return self.next is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.provider.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.provider.connections.discard(self)
        if self.next is not None:
            self.next.cancel()
            self.next = None
            self.provider.counts["aborted"] += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if found and len(rest) >= int(length or 0):
            self.buffer = rest[int(length or 0) :]
            self.answer(head, rest[: int(length or 0)])

    def answer(self, head: bytes, body: bytes) -> None:
        """Begins to answer a request."""
        if head.startswith(b"GET"):
            self.look(close=b"/close-idle" in head)
            return
        request = json.loads(body)
        kind, *numbers = request["model"].split("-")
        self.provider.counts["requests"] += 1
        if kind == "status":
            error = {"message": "as the model's name says", "type": "error", "param": None, "code": None}
            self.transport.write(answer(int(numbers[0]), {"error": error}))
        elif kind == "tool" and request["messages"][-1]["role"] != "tool":
            self.transport.write(FIRST + frame({"tool_calls": [CALL]}) + frame({}, "tool_calls") + DONE)
        else:
            self.stream(int(numbers[0]), int(numbers[1]) / 1000, cut=kind == "cut")

    def look(self, *, close: bool) -> None:
        """Tells the counts, once what is to be closed is closed; this connection is not one of them."""
        self.provider.connections.discard(self)
        for connection in list(self.provider.connections) if close else ():
            if not connection.playing:
                connection.transport.close()
        asyncio.get_running_loop().call_soon(self.tell)  # the closing was planned before it

    def tell(self) -> None:
        """Answers with the counts of now."""
        self.transport.write(answer(200, self.provider.stats()))

    def stream(self, count: int, gap: float, *, cut: bool) -> None:
        """Sends the first chunk and goes on by the clock, so that a delay does not add up."""
        if gap:
            self.transport.write(FIRST)
            self.step(asyncio.get_running_loop().time() + gap, count, gap, cut)
            return
        self.transport.write(FIRST + TEXT * count)
        self.end(cut)

    def step(self, at: float, left: int, gap: float, cut: bool) -> None:
        """Plans the next chunk, or ends."""
        if left:
            self.next = asyncio.get_running_loop().call_at(at, self.chunk, at, left, gap, cut)
        else:
            self.next = None
            self.end(cut)

    def chunk(self, at: float, left: int, gap: float, cut: bool) -> None:
        """Sends a chunk with the time in it."""
        self.transport.write(TEXT.replace(ZERO, b"@%015d" % (time.monotonic() * 1e6)))
        self.step(at + gap, left - 1, gap, cut)

    def end(self, cut: bool) -> None:
        """Ends the stream."""
        if cut:
            self.transport.close()
        else:
            self.transport.write(frame({}, "stop") + DONE)


async def main(port: int) -> None:
    """Serves until it is stopped."""
    provider = Provider()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(provider), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
