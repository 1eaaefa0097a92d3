"""A small website with what tools ask for: a page, an API with its description, and a remote agent."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.every_tool.local_server import LocalServer

PAGE = b"<html><body><h1>Cats</h1><p>They sleep a lot.</p></body></html>"
_ID = {"name": "petId", "in": "path", "required": True, "schema": {"type": "integer"}}
_STATUS = {"name": "status", "in": "query", "schema": {"type": "string", "enum": ["available", "sold"]}}
_PET = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "photoUrls": {"type": "array", "items": {"type": "string"}}},
}
PETS = {
    "openapi": "3.0.4",
    "info": {"title": "Pets", "version": "1"},
    "servers": [{"url": "/api"}],
    "paths": {
        "/pet": {
            "post": {"operationId": "addPet", "requestBody": {"content": {"application/json": {"schema": _PET}}}},
        },
        "/pet/findByStatus": {"get": {"operationId": "findPetsByStatus", "parameters": [_STATUS]}},
        "/pet/{petId}": {
            "parameters": [_ID],
            "get": {"operationId": "getPetById"},
            "delete": {"operationId": "deletePet"},
        },
    },
}


class Web(LocalServer):
    """Serves all of it."""

    def respond(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """What is at a path; 404 for ``robots.txt`` and what else there is not."""
        path, _, query = handler.path.partition("?")
        if path == "/page.html":
            self.send(handler, PAGE, "text/html")
        elif (answer := self._answer(f"{handler.command} {path}", query, body)) is None:
            self.send_json(handler, {}, 404)
        else:
            self.send_json(handler, answer)

    def _answer(self, asked: str, query: str, body: bytes) -> Any:
        if asked.startswith("GET /weather/"):
            return {"report": f"sunny in {asked.rpartition('/')[2]}"}
        if asked == "POST /api/pet":
            return {"id": 7, **json.loads(body)}
        if asked == "POST /games/rpc":
            return {"jsonrpc": "2.0", "id": json.loads(body)["id"], "result": _reply(json.loads(body))}
        return {
            "GET /openapi.json": PETS,
            "GET /api/pet/findByStatus": [{"id": 7, "query": query}],
            "GET /api/pet/7": {"id": 7},
            "DELETE /api/pet/7": {},
            "POST /hook": {},
            "GET /games/.well-known/agent-card.json": self._card(),
        }.get(asked)

    def _card(self) -> dict[str, Any]:
        interface = {"url": f"{self.url}/games/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
        skills = [{"id": "play", "name": "Play", "description": "Plays a move."}]
        return {"name": "Games", "description": "Plays.", "supportedInterfaces": [interface], "skills": skills}


def _reply(asked: dict[str, Any]) -> dict[str, Any]:
    said = asked["params"]["message"]["parts"][0]["text"]
    return {"message": {"messageId": "1", "role": "ROLE_AGENT", "parts": [{"text": f"You said {said}"}]}}
