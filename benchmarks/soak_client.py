"""The soak's clients: every turn is checked to its end, or left at a random point."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field

from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import Stream

TURN_SECONDS = 60.0
LEAVE_SHARE = 0.3
LONG_TEXT = re.compile(r"(@\d{15})+")

Leave = Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of turn: the model that plays it, how often it comes, and what its stream must be."""

    model: str
    weight: int
    chunks: int = 0
    error: bool = False
    tool: bool = False

    def check(self, status: int, stream: Stream | None) -> str:
        """What is wrong with an answer; empty if nothing is. An early failure has a status and no stream."""
        if stream is None:
            return "" if self.error and status >= 400 else f"status {status}"
        if self.error:
            return "" if stream.error else "an error should have ended the stream"
        if stream.error or stream.finish_reason != "stop":
            return f"it ended with {stream.error or stream.finish_reason}"
        ends = [event["status"] for event in stream.events]
        if ends != (["running", "completed"] if self.tool else []):
            return f"tools: {ends}"
        whole = LONG_TEXT.fullmatch(stream.text) and len(stream.text) == 16 * self.chunks
        return "" if whole else f"text: {stream.text[:200]!r}"


KINDS = (
    Kind("stream-200-0", 30, 200),
    Kind("stream-20-5", 30, 20),
    Kind("stream-15-100", 8, 15),
    Kind("tool-20-5", 20, 20, tool=True),
    Kind("status-400", 4, error=True),
    Kind("status-500", 2, error=True),
    Kind("cut-10-5", 6, error=True),
)


@dataclass(slots=True)
class Tally:
    """What became of the turns."""

    turns: int = 0
    left: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Client:
    """One client. It keeps its connection for the next turn, unless it hung up."""

    def __init__(self, port: int, chance: random.Random, tally: Tally) -> None:
        self._port = port
        self._random = chance
        self._tally = tally
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def turn(self, kind: Kind | None = None) -> None:
        """One turn, of a random kind if none is given; a given one is always read to its end."""
        leaves = kind is None and self._random.random() < LEAVE_SHARE
        kind = kind or self._random.choices(KINDS, [each.weight for each in KINDS])[0]
        self._tally.kinds[kind.model] += 1
        try:
            await asyncio.wait_for(self._leave(kind) if leaves else self._whole(kind), TURN_SECONDS)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, AssertionError, ValueError) as exc:
            self._tally.wrong.append(f"{kind.model}: {type(exc).__name__}: {exc}")
            self.close()

    def close(self, *, reset: bool = False) -> None:
        """Hangs up: with a FIN, or a reset."""
        if self._writer is not None:
            if reset:
                self._writer.transport.abort()
            self._writer.close()
        self._reader = self._writer = None

    async def _whole(self, kind: Kind) -> None:
        status, body, stays = await self._ask(kind, lambda read: False)
        streamed = body.startswith((b"data:", b":"))
        if wrong := kind.check(status, collect_sse(body) if streamed else None):
            self._tally.wrong.append(f"{kind.model}: {wrong}")
        if not stays:
            self.close()

    async def _leave(self, kind: Kind) -> None:
        """Hangs up before the first word, at a random chunk, or while a tool works."""
        moment = self._random.choice(["at once", "early", "midway", *(["in the tool"] * 2 if kind.tool else [])])
        chunks = self._random.randint(1, max(1, kind.chunks - 1))
        give_up = time.monotonic() + self._random.uniform(0, 0.02)
        leave: dict[str, Leave] = {
            "at once": lambda read: True,
            "early": lambda read: time.monotonic() > give_up,
            "midway": lambda read: read.count(b"@") >= chunks,
            "in the tool": lambda read: b'"running"' in read,
        }
        self._tally.left[moment] += 1
        await self._ask(kind, leave[moment])
        self.close(reset=self._random.random() < 0.5)

    async def _ask(self, kind: Kind, leave: Leave) -> tuple[int, bytes, bool]:
        """Sends the request and reads until ``leave`` says so of what was read, or to the end.

        Gives the status, the body and whether the connection can be used again.
        """
        question = [{"role": "user", "content": "hi"}]
        sent = json.dumps({"model": kind.model, "stream": True, "messages": question}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(sent)}\r\n"
        reused = self._reader is not None
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + sent)
        body = b""
        if leave(body):
            return 0, body, False
        try:
            first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        except asyncio.IncompleteReadError as exc:
            if exc.partial or not reused:
                raise
            self.close()  # the server had closed it meanwhile, as idle: every client tries again
            return await self._ask(kind, leave)
        headers = dict(line.partition(": ")[::2] for line in lines)
        status, stays = int(first.split()[1]), headers.get("connection") != "close"
        if "content-length" in headers:
            return status, await self._reader.readexactly(int(headers["content-length"])), stays
        while not leave(body):
            size = int(await self._reader.readline(), 16)
            body += (await self._reader.readexactly(size + 2))[:-2]
            if not size:
                break
        return status, body, stays


async def http_get(port: int, path: str) -> bytes:
    """The body of a page."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    writer.close()
    return body
