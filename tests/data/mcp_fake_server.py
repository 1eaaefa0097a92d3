"""An MCP server for tests: JSON-RPC over stdin and stdout, nothing but the standard library.

Arguments are modes: ``exit=N`` ends at once with that code, ``slow=S`` waits S seconds before the first answer,
``junk`` prints lines that are no messages, ``pages`` lists one tool a page, ``notes=FILE`` appends what happens to
FILE, ``ignore-eof`` goes on when stdin ends, ``child`` starts a process that outlives the server.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from typing import Any

MODES = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}
TOOLS = ["echo", "random_token", "hang", "crash", "iserror", "rpc_error", "big", "change", "environment", "blocks",
         "structured", "nothing", "stderr", "null.check", "sleep", "ask", "pid", "babble"]  # fmt: skip
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # a pixel
READ_ONLY = {"echo", "random_token", "sleep"}
lock = threading.Lock()
cancelled: set[object] = set()
answers: dict[object, Any] = {}


def note(text: str) -> None:
    if "notes" in MODES:
        with open(MODES["notes"], "a") as file:
            file.write(text + "\n")


def send(message: dict[str, Any]) -> None:
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": value}], **more}


def ask(method: str, params: dict[str, Any]) -> Any:
    send({"id": f"ask-{method}", "method": method, "params": params})
    while f"ask-{method}" not in answers:
        time.sleep(0.01)
    return answers[f"ask-{method}"]


def call(name: str, arguments: dict[str, Any], request_id: object) -> dict[str, Any]:
    note(f"call {name}")
    if name == "echo":
        return text(str(arguments.get("text", "")))
    if name == "random_token":
        token = secrets.token_hex(8)
        note(f"token {token}")
        return text(token)
    if name == "sleep":
        time.sleep(float(arguments.get("text", "0.1")))
        return text("slept")
    if name == "hang":
        deadline = time.monotonic() + 60
        while request_id not in cancelled and time.monotonic() < deadline:
            time.sleep(0.01)
        return text("cancelled")
    if name == "crash":
        print("about to crash with " + os.environ.get("SECRET_TOKEN", "nothing"), file=sys.stderr, flush=True)
        os._exit(int(arguments.get("text", "3")))
    if name == "iserror":
        return text("it went wrong", isError=True)
    if name == "big":
        return text("x" * int(arguments.get("text", "2000000")))
    if name == "change":
        TOOLS.append("added")
        send({"method": "notifications/tools/list_changed"})
        return text("changed")
    if name == "environment":
        return text(json.dumps(dict(os.environ)))
    if name == "structured":
        shown = [{"type": "image", "data": PNG, "mimeType": "image/png"}] * int(arguments.get("text", "0"))
        return {"content": shown, "structuredContent": {"answer": 42}}
    if name == "nothing":
        return {"content": []}
    if name == "stderr":
        sys.stderr.write("noise\n" * 100_000)
        return text("written")
    if name == "babble":
        with lock:
            for line in (
                b"\xff\x00\x01",
                b"[" * 100_000,
                b'{"jsonrpc": "2.0", "id": 4711, "result": {}}',
                b"{",
                b"\n\n",
            ):
                sys.stdout.buffer.write(line + b"\n")
            sys.stdout.flush()
        return text("said")
    if name == "null.check":
        return text(json.dumps(arguments, sort_keys=True))
    if name == "pid":
        return text(str(os.getpid()))
    if name == "ask":
        elicit = ask("elicitation/create", {"message": "?", "requestedSchema": {"type": "object", "properties": {}}})
        return text(json.dumps([ask("ping", {}), ask("roots/list", {}), elicit]))
    return {
        "content": [
            {"type": "text", "text": "first"},
            {"type": "image", "data": PNG, "mimeType": "image/jpeg"},
            {"type": "image", "data": "aGVsbG8=", "mimeType": "image/png"},
            {"type": "image", "data": "no base64", "mimeType": "image/png"},
            {"type": "audio", "data": "aGVsbG8=", "mimeType": "audio/wav"},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "inside", "mimeType": "text/plain"}},
            {"type": "resource", "resource": {"uri": "file:///b", "blob": "aGk=", "mimeType": "a/b"}},
            {"type": "resource", "resource": {"uri": "file:///p", "blob": PNG, "mimeType": "image/png"}},
            {"type": "resource_link", "name": "a link", "uri": "file:///c"},
        ]
    }


def listed(cursor: str | None) -> dict[str, Any]:
    tools = [
        {"name": name, "description": f"The {name} tool", "inputSchema": TEXT,
         "annotations": {"readOnlyHint": name in READ_ONLY}}
        for name in TOOLS
    ]  # fmt: skip
    if "pages" not in MODES:
        return {"tools": tools}
    index = int(cursor or 0)
    more = {"nextCursor": str(index + 1)} if index + 1 < len(tools) else {}
    return {"tools": tools[index : index + 1], **more}


def answer(message: dict[str, Any]) -> None:
    method, params = message["method"], message.get("params") or {}
    if method == "initialize":
        time.sleep(float(MODES.get("slow", 0)))
        result = {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "fake", "version": "1"},
            "instructions": "Be kind to the fake server.",
        }
    elif method == "tools/list":
        note("list")
        result = listed(params.get("cursor"))
    elif method == "tools/call" and params["name"] != "rpc_error":
        result = call(params["name"], params.get("arguments") or {}, message["id"])
    else:
        send({"id": message["id"], "error": {"code": -32602, "message": "the server refuses this"}})
        return
    if message["id"] not in cancelled:
        send({"id": message["id"], "result": result})


def main() -> None:
    note(f"start {os.getpid()}")
    if "exit" in MODES:
        print("cannot go on", file=sys.stderr)
        sys.exit(int(MODES["exit"]))
    if "child" in MODES:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], stdin=subprocess.DEVNULL)
        note(f"child {child.pid}")
    if "junk" in MODES:
        print("Welcome to the server!\n{not json\n[]\n", flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("method") == "notifications/cancelled":
            note("cancelled")
            cancelled.add(message["params"]["requestId"])
        elif "method" not in message:
            answers[message["id"]] = message.get("result", message.get("error"))
        elif "id" in message:
            threading.Thread(target=answer, args=(message,), daemon=True).start()
    note("eof")
    if "ignore-eof" in MODES:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(300)
    os._exit(0)


main()
