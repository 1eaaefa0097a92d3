"""A scripted provider of models, over real sockets, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from typing import TypeAlias

Step: TypeAlias = tuple[str, Any]

CLOSE: Step = ("close", None)
"""Closes the connection (FIN), whatever was still to come."""

RESET: Step = ("reset", None)
"""Resets the connection (RST)."""

HANG: Step = ("hang", None)
"""Says nothing more until the client goes."""


def flood(text: str) -> Step:
    """Sends a chunk with that text again and again, as fast as it is taken, until the client goes."""
    return ("flood", _framed(_sse(text)).decode("latin-1"))


def pause(seconds: float) -> Step:
    """Waits before the next step."""
    return ("pause", seconds)


def gate(name: str) -> Step:
    """Waits until the test calls :meth:`FakeUpstream.open_gate` with that name."""
    return ("gate", name)


@dataclass(frozen=True, slots=True)
class Request:
    """What the provider got; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class FakeUpstream:
    """Plays one queued reply for each request; without one left it answers 500. Use it as a context manager.

    ``url`` is a base URL for a model. It runs in a process of its own, so a blocked or patched test process does not
    disturb it. With ``certificate`` and ``key`` (PEM files) it speaks TLS.
    """

    def __init__(self, *, certificate: str = "", key: str = "") -> None:
        command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("server.py"))]
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._process = subprocess.Popen(
            command + ([certificate, key] if certificate else []), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        port = self._process.stdout.readline().decode().strip() if self._process.stdout else ""
        if not port:
            self.close()
            raise RuntimeError("The fake upstream did not start; its output is above")
        self.port = int(port)
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{port}/v1"

    def __enter__(self) -> FakeUpstream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.terminate()
        self._process.wait()

    def text(self, *chunks: str, usage: Mapping[str, int] | None = None) -> None:
        """Queues an answer of these text chunks."""
        self.stream(*chunks, usage=usage)

    def tool_call(self, name: str, arguments: Mapping[str, Any], id: str = "call_1") -> None:
        """Queues a call of one tool."""
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"index": 0, "id": id, "type": "function", "function": function}
        self.stream({"choices": [chunk_choice({"tool_calls": [call]})]}, finish="tool_calls")

    def stream(
        self,
        *items: str | bytes | Mapping[str, Any] | Step,
        finish: str | None = "stop",
        usage: Mapping[str, int] | None = None,
        done: bool = True,
    ) -> None:
        """Queues a stream. A str is a text chunk, a mapping a frame, bytes are sent as they are; steps are steps.

        Without ``finish`` the finish chunk is left out, without ``done`` the ``[DONE]``.
        """
        steps: list[Step] = [_send(_head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}))]
        steps += [item if isinstance(item, tuple) else _send(_framed(_sse(item))) for item in items]
        if finish:
            steps.append(_send(_framed(_sse({"choices": [chunk_choice({}, finish)]}))))
        if usage:
            steps.append(_send(_framed(_sse({"choices": [], "usage": usage}))))
        steps.append(_send((_framed(b"data: [DONE]\n\n") if done else b"") + b"0\r\n\r\n"))
        self.reply(*steps)

    def answer(
        self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None, content_type: str = ""
    ) -> None:
        """Queues a whole answer: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Content-Type": content_type or "application/json", "Content-Length": str(len(data))}
        self.reply(_head(status, fields | dict(headers or {})) + data)

    def error(self, status: int, message: str = "no", code: str | None = None, **headers: str) -> None:
        """Queues an error in OpenAI's shape; ``Retry_After="1"`` becomes a header."""
        body = {"error": {"message": message, "type": "error", "param": None, "code": code}}
        self.answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})

    def reply(self, *steps: bytes | Step) -> None:
        """Queues a reply byte by byte: bytes to send, and steps."""
        queued = [_send(step) if isinstance(step, bytes) else step for step in steps]
        self._command({"do": "queue", "steps": queued})

    def embeddings(self, dimensions: int = 256) -> None:
        """From now on answers requests for embeddings by itself, beside what is queued; 0 ends that.

        The vectors are made of words: texts that have some in common are alike.
        """
        self._command({"do": "embed", "dimensions": dimensions})

    def open_gate(self, name: str) -> None:
        """Lets the replies go on that wait at :func:`gate`."""
        self._command({"do": "open", "gate": name})

    def reset(self) -> None:
        """Begins anew: closes all connections, forgets requests, counts and what is queued."""
        with self._lock:
            self._requests.clear()
        self._command({"do": "reset"})

    @property
    def requests(self) -> list[Request]:
        """The requests so far."""
        self._command({"do": "look"})
        return list(self._requests)

    @property
    def connections(self) -> int:
        """How many connections were accepted."""
        return int(self._command({"do": "look"})["connections"])

    @property
    def open(self) -> int:
        """How many connections are open."""
        return int(self._command({"do": "look"})["open"])

    @property
    def aborted(self) -> int:
        """How many connections ended before their reply did."""
        return int(self._command({"do": "look"})["aborted"])

    def wait(self, seconds: float = 5.0, **counts: int) -> None:
        """Waits until ``requests``, ``connections``, ``open`` and ``aborted`` are as given.

        Raises AssertionError if they are not after so many seconds.
        """
        deadline = time.monotonic() + seconds
        while (seen := self._counts()) != seen | counts:
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s for {counts}, there are {seen}")
            time.sleep(0.005)

    def _counts(self) -> dict[str, int]:
        state = self._command({"do": "look"})
        return {"requests": len(self._requests), **{name: state[name] for name in ("connections", "open", "aborted")}}

    def _command(self, command: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(command | {"known": len(self._requests)}).encode() + b"\n")
            self._process.stdin.flush()
            state: dict[str, Any] = json.loads(self._process.stdout.readline())
            self._requests += [Request(**request) for request in state["requests"]]
            return state


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """A base URL whose host never completes a connection: its queue of waiting ones is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def chunk_choice(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    """The one entry of a chunk's ``choices``."""
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _sse(item: str | bytes | Mapping[str, Any]) -> bytes:
    if isinstance(item, bytes):
        return item
    if isinstance(item, str):
        item = {"choices": [chunk_choice({"content": item})]}
    common = {"id": "up-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps((common | dict(item)) if "choices" in item else item).encode() + b"\n\n"


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _send(data: bytes) -> Step:
    return ("send", data.decode("latin-1"))
