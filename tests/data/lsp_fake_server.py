"""A language server for tests, on the standard library alone. It keeps what it is told in the file LOG, if that is set.

Line 7 is where it hangs, line 8 where it fails, and line 9 where it ends. With ``ABLE=all`` it can do more.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

ABLE = {
    "hoverProvider": True, "definitionProvider": {}, "renameProvider": True, "documentFormattingProvider": True,
    "codeActionProvider": True, "callHierarchyProvider": True, "typeHierarchyProvider": True,
    "referencesProvider": False, "workspaceSymbolProvider": True,
}  # fmt: skip
MORE = ("references", "documentSymbol", "implementation", "signatureHelp", "inlayHint")
texts: dict[str, str] = {}


def send(message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\nContent-Type: x\r\n\r\n" % len(body) + body)
    sys.stdout.buffer.flush()


def span(line: int, start: int, end: int) -> dict[str, Any]:
    return {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}


def show_problems(uri: str) -> None:
    lines = enumerate(texts[uri].splitlines())
    found = [{"range": span(n, 0, 1), "severity": 1, "message": line} for n, line in lines if "bad" in line]
    send({"method": "textDocument/publishDiagnostics", "params": {"uri": uri, "diagnostics": found}})


def answer(method: str, params: Any) -> Any:
    uri = params.get("textDocument", {}).get("uri", "")
    line = params.get("position", {}).get("line", 0)
    item = {"name": "f", "kind": 12, "uri": "file:///w/f.py", "selectionRange": span(2, 0, 1)}
    if line == 6:
        time.sleep(60)
    if line == 7:
        raise ValueError("no\nidea")
    if line == 8:
        sys.exit(3)
    if method == "initialize":
        more = {f"{each}Provider": True for each in MORE if os.environ.get("ABLE") == "all"}
        return {"capabilities": {**ABLE, **more}, "serverInfo": {"name": "fake", "version": "1"}}
    if method == "textDocument/hover":
        return {"contents": ["line:", {"kind": "markdown", "value": texts[uri].splitlines()[line]}]}
    if method == "textDocument/definition":
        return {"targetUri": "file:///w/a%20b.py", "targetSelectionRange": span(4, 2, 3)}
    if method == "textDocument/rename":
        places = [span(n, 0, 3) for n, text in enumerate(texts[uri].splitlines()) if text.startswith("old")]
        other = os.environ.get("OTHER")
        return {"changes": {target: [{"range": each, "newText": params["newName"]} for each in places]
                            for target in (uri, *([other] if other else []))}}  # fmt: skip
    if method == "textDocument/formatting":
        return [{"range": span(0, 0, 0), "newText": "# a\n"}, {"range": span(0, 0, 0), "newText": "# b\n"}]
    if method == "textDocument/codeAction":
        return [{"title": f"Mend {each['message']}", "kind": "quickfix"} for each in params["context"]["diagnostics"]]
    if method == "workspace/symbol":
        return [{**item, "containerName": "w", "location": {"uri": item["uri"], "range": span(2, 0, 1)}}]
    if method in {"textDocument/references", "textDocument/implementation"}:
        return [{"uri": uri, "range": span(line, 0, 3)}]
    if method == "textDocument/documentSymbol":
        return [{**item, "range": span(0, 0, 3), "selectionRange": span(0, 0, 3)}]
    if method == "textDocument/signatureHelp":
        return {"signatures": [{"label": "f(a, b)"}]}
    if method == "textDocument/inlayHint":
        return [{"position": {"line": 0, "character": 3}, "label": ": int"}]
    if method.startswith("textDocument/prepare"):
        return [item]
    if method == "callHierarchy/incomingCalls":
        return [{"from": {**item, "name": "g"}, "fromRanges": []}]
    return None


def note(method: str, params: Any) -> None:
    if method == "initialized":
        send({"id": 1, "method": "workspace/configuration", "params": {"items": [{}, {}]}})
    if method == "textDocument/didOpen":
        texts[params["textDocument"]["uri"]] = params["textDocument"]["text"]
    if method == "textDocument/didChange":
        texts[params["textDocument"]["uri"]] = params["contentChanges"][0]["text"]
    if method in {"textDocument/didOpen", "textDocument/didChange"}:
        show_problems(params["textDocument"]["uri"])


def main() -> None:
    if sys.argv[1:] == ["nonsense"]:
        print("hello\r\n\r\n", flush=True)
    while head := sys.stdin.buffer.readline():
        sys.stdin.buffer.readline()
        message = json.loads(sys.stdin.buffer.read(int(head.split(b":")[1])))
        if log := os.environ.get("LOG"):
            with open(log, "a") as file:
                file.write(json.dumps(message) + "\n")
        if "id" in message and "method" in message:
            try:
                send({"id": message["id"], "result": answer(message["method"], message["params"])})
            except ValueError as exc:
                send({"id": message["id"], "error": {"code": 1, "message": str(exc)}})
        elif "method" in message:
            note(message["method"], message["params"])


if __name__ == "__main__":
    main()
