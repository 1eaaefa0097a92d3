"""The load generator: streamed turns on connections of their own, and what they tell about a server."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence

from processes import cpu_seconds
from processes import resident_kib

STAMP = re.compile(rb"@(\d{15})")
FRAMING = re.compile(rb"\r\n[0-9a-f]+\r\n")
END = b"\r\n0\r\n\r\n"
SLACK_SECONDS = 60.0
HISTORY = [{"role": role, "content": "x" * 300} for _ in range(20) for role in ("user", "assistant")]


class Turn(asyncio.Protocol):
    """One streamed turn. ``late`` has the seconds that each chunk took from the upstream to here."""

    transport: asyncio.Transport

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.complete = False
        self.first = 0.0
        self.late: list[float] = []
        self._rest = b""
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.started = time.monotonic()
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        text = FRAMING.sub(b"", self._rest + data)  # a proxy may begin a chunk of HTTP amid a stamp
        position = 0
        for found in STAMP.finditer(text):
            position = found.end()
            self.late.append(now - int(found[1]) / 1e6)
        if self.late and not self.first:
            self.first = now - self.started
        self._rest = text[position:][-64:]
        self._tail = (self._tail + data)[-len(END) :]
        if self._tail == END and b"data: [DONE]" in self._rest:
            self.complete = True
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def http_request(port: int, model: str, history: Sequence[dict[str, str]] = ()) -> bytes:
    """The bytes of a streamed request."""
    messages = [*history, {"role": "user", "content": "hi"}]
    body = json.dumps({"model": model, "stream": True, "messages": messages}).encode()
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def turn(port: int, request: bytes, chunks: int, seconds: float) -> Turn | None:
    """One turn, expected to take ``seconds``; None unless it ended as it should, with so many chunks."""
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.create_connection(lambda: Turn(request), "127.0.0.1", port)
    except OSError:
        return None
    try:
        await asyncio.wait_for(protocol.ended, seconds + SLACK_SECONDS)
    except asyncio.TimeoutError:
        return None
    finally:
        transport.close()
    return protocol if protocol.complete and len(protocol.late) == chunks else None


async def paced(port: int, pid: int, model: str, streams: int, chunks: int, gap: float) -> dict[str, float]:
    """Streams side by side, begun one after the other so that their chunks do not come in step."""
    cpu, memory = cpu_seconds(pid), resident_kib(pid)
    request = http_request(port, model)
    tasks = []
    for _ in range(streams):
        tasks.append(asyncio.ensure_future(turn(port, request, chunks, chunks * gap)))
        await asyncio.sleep(0.0021)
    peak = memory
    while not all(task.done() for task in tasks):
        peak = max(peak, resident_kib(pid))
        await asyncio.wait(tasks, timeout=0.2)
    turns = [done for task in tasks if (done := task.result())]
    first = [found.first - gap for found in turns]
    late = [seconds for found in turns for seconds in found.late]
    return {
        "CPU us per chunk": (cpu_seconds(pid) - cpu) / max(1, len(late)) * 1e6,
        "first token later, p50 ms": _share(first, 0.5) * 1000,
        "first token later, p99 ms": _share(first, 0.99) * 1000,
        "chunk late, p50 ms": _share(late, 0.5) * 1000,
        "chunk late, p99 ms": _share(late, 0.99) * 1000,
        "KiB per stream": (peak - memory) / streams,
        "failures": float(streams - len(turns)),
    }


async def repeated(
    port: int, pid: int, model: str, clients: int, seconds: float, chunks: int, *, history: bool = False
) -> tuple[float, float, int]:
    """So many clients, each with one turn after the other: complete turns per second, their CPU seconds, failures."""
    request = http_request(port, model, HISTORY if history else ())
    start, cpu = time.monotonic(), cpu_seconds(pid)
    results: list[bool] = []

    async def client() -> None:
        while time.monotonic() < start + seconds:
            results.append(await turn(port, request, chunks, seconds) is not None)

    await asyncio.gather(*(client() for _ in range(clients)))
    good = sum(results)
    return good / (time.monotonic() - start), (cpu_seconds(pid) - cpu) / max(1, good), len(results) - good


def _share(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")
