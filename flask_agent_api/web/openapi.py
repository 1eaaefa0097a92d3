"""The description of the endpoints in OpenAPI 3.1, made of the models that parse requests and describe answers."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from pydantic.json_schema import models_json_schema

from ..json_text import json_text
from ..params import PARAMS
from .activity.modes import MODES
from .answers import Cancelling
from .answers import ChatCompletion
from .answers import ChatCompletionChunk
from .answers import Conversation
from .answers import ConversationList
from .answers import DeletedConversation
from .answers import ErrorEnvelope
from .answers import Model
from .answers import ModelList
from .answers import WholeConversation
from .conversation_views import DEFAULT_LIMIT
from .conversation_views import INCLUDE
from .conversation_views import MAX_LIMIT
from .fields import IGNORED
from .fields import OURS
from .fields import REFUSED
from .schemas import ChatRequest

_LINK = re.compile(r"\[([^][]+)\]\([^()]+\)")
_STATUSES = {
    "400": "The request cannot be served as it is.",
    "401": "No key, or one that is not known.",
    "403": "The caller may not do this.",
    "404": "There is no agent, no conversation, or no run at work, of that name.",
    "409": "The conversation, or the request itself, is being worked on, or must not be run again.",
    "422": "The Idempotency-Key belongs to another request.",
    "429": "The key has used what it may use, or the model's provider limits the rate.",
    "default": "Any other failure.",
}


@functools.lru_cache(maxsize=8)
def openapi_json(server: str) -> str:
    """The document as JSON. ``server`` is where the endpoints are: a path, or a URL, without a slash at its end."""
    return json_text({**_document(), "servers": [{"url": server or "/"}]})


@functools.cache
def _document() -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "flask-agent-api", "version": metadata.version("flask-agent-api")},
        "security": [{}, {"key": []}],
        "paths": {
            "/models": {"get": _operation("listModels", "All agents, as models.", _json(ModelList))},
            "/models/{model}": {
                "get": _operation("retrieveModel", "One agent, as a model.", _json(Model)) | {"parameters": [_MODEL]}
            },
            "/chat/completions": {
                "post": _operation("createChatCompletion", "Runs an agent.", _json(ChatCompletion) | _STREAM)
                | {"requestBody": {"required": True, "content": _json(ChatRequest)}, "parameters": _REQUEST_HEADERS}
            },
            **_conversation_paths(),
            **_cancel_paths(),
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _conversation_paths() -> dict[str, Any]:
    one = _one_conversation()
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    pages = [
        _query("limit", "How many to list.", limit),
        _query("after", "The `last_id` of the page before.", {"type": "string"}),
        _query("model", "Only those with this agent.", {"type": "string"}),
    ]
    include = _query("include", "All that is kept, calls and results of tools as well.", {"enum": [INCLUDE]})
    listed = _operation("listConversations", "The caller's conversations.", _json(ConversationList))
    shown = _operation("retrieveConversation", "A conversation with its messages.", _json(WholeConversation))
    deleted = _operation("deleteConversation", "Deletes a conversation.", _json(DeletedConversation))
    return {
        "/conversations": {"get": listed | {"parameters": pages}},
        "/conversations/{conversation_id}": {
            "get": shown | {"parameters": [*one, include]},
            "delete": deleted | {"parameters": one},
        },
    }


def _cancel_paths() -> dict[str, Any]:
    run = _operation("cancelRun", "Ends a run, wherever it is at work.", _json(Cancelling), "202")
    conversation = _operation("cancelConversation", "Ends what works on a conversation.", _json(Cancelling), "202")
    return {
        "/runs/{id}/cancel": {"post": run | {"parameters": [_RUN]}},
        "/conversations/{conversation_id}/cancel": {"post": conversation | {"parameters": _one_conversation()}},
    }


def _one_conversation() -> list[dict[str, Any]]:
    return [_CONVERSATION, _query("model", "The agent that it is with, where there are several.", {"type": "string"})]


def _operation(name: str, summary: str, content: Mapping[str, Any], status: str = "200") -> dict[str, Any]:
    failure = {"headers": _FAILURE_HEADERS, "content": _json(ErrorEnvelope)}
    failures = {status: {"description": text, **failure} for status, text in _STATUSES.items()}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {status: {"description": "OK", "headers": _HEADERS, "content": content}, **failures},
    }


def _json(model: type) -> dict[str, Any]:
    return {"application/json": {"schema": _reference(model)}}


def _reference(model: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string"}}


def _query(name: str, text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": schema}


_CONVERSATION = {
    "name": "conversation_id", "in": "path", "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
}  # fmt: skip
_RUN = {
    "name": "id", "in": "path", "required": True, "schema": {"type": "string"},
    "description": "The Idempotency-Key of the request, or the X-Request-Id of one that the same process serves.",
}  # fmt: skip
_MODEL = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}
_FRAME = {"anyOf": [_reference(ChatCompletionChunk), _reference(ErrorEnvelope)]}
_STREAM = {"text/event-stream": {"schema": _FRAME}}
_LIMIT_HEADERS = {
    f"x-ratelimit-{what}-{name}": _header(text)
    for name, limit in (("requests", "requests of a minute"), ("tokens", "tokens of a day"))
    for what, text in (
        ("limit", f"The {limit} that the key may use; only where it has a limit."),
        ("remaining", f"What is left of the {limit}."),
        ("reset", f"After what time all {limit} may be used again, such as `6m0s`."),
    )
}
_HEADERS = {
    "X-Request-Id": _header("The id of the request, for logs."),
    "X-Agent": _header("The agent that ran."),
    "X-Agent-Ignored": _header("The fields of the request that had no effect."),
    "X-Conversation-Id": _header("The conversation that the answer belongs to."),
    "Idempotency-Replayed": _header("`true`: the answer to an earlier request with the same Idempotency-Key."),
    "X-Agent-Task": _header("The auxiliary request that was answered without running the agent."),
    "X-Content-Type-Options": _header("`nosniff`: browsers must take no answer for a page."),
    **_LIMIT_HEADERS,
}
_FAILURE_HEADERS = {
    **{name: _HEADERS[name] for name in ("X-Request-Id", "X-Agent", "X-Content-Type-Options", *_LIMIT_HEADERS)},
    "Retry-After": _header("Seconds to wait before another attempt."),
    "X-Should-Retry": _header("`false`: the request must not be sent again, it may have had effects."),
}
_REQUEST_HEADERS = [
    {
        "name": "X-Agent-Tool-Activity", "in": "header", "schema": {"enum": list(MODES)},
        "description": "How the answer shows what the agent does, unless the body says so.",
    },
    {
        "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        "description": "Has the request run once, however often it is sent.",
    },
    {
        "name": "X-Agent-On-Disconnect", "in": "header", "schema": {"enum": ["cancel", "detach"]},
        "description": "Whether the run ends, or goes on, when the client goes away.",
    },
    {
        "name": "Last-Event-ID", "in": "header", "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
        "description": "With an Idempotency-Key: the last event that the client has of the stream.",
    },
    {
        "name": "X-Agent-Task", "in": "header", "schema": {"type": "string"},
        "description": "Names an auxiliary request of a chat UI, such as `title_generation`; empty for a chat.",
    },
]  # fmt: skip


_ANSWERS = (
    ChatCompletion, ChatCompletionChunk, Model, ModelList, Conversation, WholeConversation, ConversationList,
    DeletedConversation, Cancelling, ErrorEnvelope,
)  # fmt: skip


def _schemas() -> dict[str, Any]:
    """The models' schemas by name, the fields of requests with what becomes of them."""
    requests = [(ChatRequest, "validation")]
    answers = [(model, "serialization") for model in _ANSWERS]
    template = "#/components/schemas/{model}"
    _, found = models_json_schema([*requests, *answers], ref_template=template)  # type: ignore[list-item]
    schemas: dict[str, Any] = found["$defs"]
    fields = schemas[ChatRequest.__name__]["properties"]
    for name, text in {**PARAMS, **OURS, **REFUSED, **IGNORED}.items():
        fields.setdefault(name, {})["description"] = _LINK.sub(r"\1", text)
    return schemas
