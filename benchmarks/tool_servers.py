"""What the toolsets that are measured talk to: ``web PORT``, ``mcp PORT`` (streamable HTTP), and ``lsp`` over stdio."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any

PAGE = b"<html><body><h1>Cats</h1><p>They sleep a lot.</p></body></html>"
API = {"openapi": "3.0.4", "servers": [{"url": "/api"}], "paths": {"/cats": {"get": {"operationId": "cats"}}}}


class Web(BaseHTTPRequestHandler):
    """A page, an API with its description, an agent with its card, and whatever takes messages."""

    def do_GET(self) -> None:
        if self.path == "/page.html":
            self._send(PAGE, "text/html")
        elif self.path == "/robots.txt":
            self.send_error(404)
        else:
            self._send(json.dumps(self._answer()).encode(), "application/json")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = {"message": {"messageId": "1", "role": "ROLE_AGENT", "parts": [{"text": "Purr."}]}}
        self._send(json.dumps({"jsonrpc": "2.0", "id": asked.get("id"), "result": reply}).encode(), "application/json")

    def _answer(self) -> Any:
        if self.path == "/openapi.json":
            return API
        if not self.path.endswith("agent-card.json"):
            return {"cats": 7}
        host = self.headers["Host"]
        interface = {"url": f"http://{host}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
        skills = [{"id": "purr", "name": "Purr", "description": "Purrs."}]
        return {"name": "Cat", "description": "Purrs.", "supportedInterfaces": [interface], "skills": skills}

    def _send(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


def mcp(port: int) -> None:
    """An MCP server with one tool."""
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("echo", log_level="ERROR")
    server.add_tool(lambda text: text, "echo", description="Echoes.")
    server.run("streamable-http", port=port)


def lsp() -> None:
    """A language server that knows nothing."""
    stream = sys.stdin.buffer
    while line := stream.readline():
        while stream.readline().strip():
            pass
        message = json.loads(stream.read(int(line.partition(b":")[2])))
        if message.get("method") == "exit":
            return
        if "id" in message and "method" in message:
            result = {"capabilities": {}} if message["method"] == "initialize" else None
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
            sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    if sys.argv[1] == "lsp":
        lsp()
    elif sys.argv[1] == "mcp":
        mcp(int(sys.argv[2]))
    else:
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Web).serve_forever()
