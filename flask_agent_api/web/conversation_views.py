"""The endpoints by which callers look at their conversations, and delete them."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from flask import Response
from werkzeug.datastructures import MultiDict

from ..conversations.base import Log
from ..conversations.base import LogInfo
from ..conversations.base import LogKey
from ..conversations.conversation import KIND
from ..conversations.conversation import turns_of
from ..conversations.kept import AT_ONCE
from ..conversations.kept import client_history
from ..conversations.kept import conversations
from ..conversations.kept import forget
from ..conversations.kept import whole_history
from ..errors import ConversationNotFound
from ..errors import ModelNotFound
from ..errors import RequestError
from .activity.choice import split_model
from .conversation import check_id
from .conversation_object import conversation_object
from .guard import current_exchange
from .guard import Exchange
from .json_response import json_response
from .service import Service

logger = logging.getLogger("flask_agent_api.conversations")

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
INCLUDE = "tool_calls"
"""What ``?include=`` may ask for."""

_PARAM = "conversation_id"


def list_conversations() -> Response:
    """``GET /conversations``: the caller's own, the one that was used last first."""
    exchange = current_exchange()
    query = exchange.request.args
    limit, after, model = _limit(query), query.get("after", ""), query.get("model", "")
    agents = {model, split_model(model, exchange.service.registry)[0]} if model else set()
    infos = _own(exchange, AT_ONCE if after or model else limit + 1)
    rest = _named(info for info in infos if not agents or info.key.agent in agents)
    if after and not any(after in {name, _full_name(info)} for name, info in rest):
        raise RequestError("after: there is no such conversation", param="after", code="invalid_value")
    page = list(itertools.islice(rest, limit + 1))
    names = [name for name, _ in page[:limit]]
    return json_response(
        {
            "object": "list",
            "data": [conversation_object(info) for _, info in page[:limit]],
            "first_id": names[0] if names else None,
            "last_id": names[-1] if names else None,
            "has_more": len(page) > limit,
        }
    )


def retrieve_conversation(id: str) -> Response:
    """``GET /conversations/{id}``: one with its messages; 404 ``conversation_not_found``."""
    exchange = current_exchange()
    query = exchange.request.args
    check_id(id, _PARAM)
    history = whole_history if _includes_tool_calls(query) else client_history
    key, log = _only(exchange, conversation_keys(exchange, id), any_of_them=bool(query.get("model")))
    info = LogInfo(key, len(log.entries), sum(map(len, log.entries)), log.created, log.used)
    return json_response(conversation_object(info, list(history(turns_of(log.entries, id)))))


def delete_conversation(id: str) -> Response:
    """``DELETE /conversations/{id}``: with one agent by ``?model=``, or with all; 404 ``conversation_not_found``."""
    exchange = current_exchange()
    check_id(id, _PARAM)
    deleted = (key for key in conversation_keys(exchange, id) if forget(exchange.service.store, key))
    if not list(itertools.islice(deleted, 1) if exchange.request.args.get("model") else deleted):
        raise _not_found()
    logger.info("%s deleted conversation %s", exchange.principal.id, id)
    return json_response({"id": id, "object": "conversation.deleted", "deleted": True})


def _own(exchange: Exchange, at_once: int) -> Iterable[LogInfo]:
    """The caller's conversations; none where this server keeps none."""
    service = exchange.service
    kept = service.settings.conversation_headers
    return conversations(service.store, exchange.principal.id, at_once) if kept else ()


def conversation_keys(exchange: Exchange, id: str) -> list[LogKey]:
    """What the caller's conversation of this id may be kept under. None where this server keeps none."""
    service, model = exchange.service, exchange.request.args.get("model", "")
    if not service.settings.conversation_headers:
        return []
    agents = _meant(service, model) if model else [name for name, _ in service.registry.items()]
    return [LogKey(KIND, exchange.principal.id, agent, id) for agent in agents]


def _meant(service: Service, model: str) -> list[str]:
    """The agents that a ``model`` may mean: one of that very name, served or not, else whom a request would get."""
    name, _ = split_model(model, service.registry)
    try:
        picked, _ = service.registry.pick(name, fallback=service.settings.unknown_model == "default")
    except ModelNotFound:
        return [model]
    return list(dict.fromkeys([model, picked]))


def _only(exchange: Exchange, keys: Sequence[LogKey], any_of_them: bool) -> tuple[LogKey, Log]:
    """The first conversation that there is under these keys, if it is clear that this one is meant.

    Raises :class:`ConversationNotFound`, and :class:`RequestError` that names the agents to choose from.
    """
    found = [(key, log) for key in keys if (log := exchange.service.store.read(key)).revision]
    if not found:
        raise _not_found()
    if len(found) > 1 and found[0][0] != keys[0] and not any_of_them:
        agents = ", ".join(key.agent for key, _ in found)
        message = f"Several agents have a conversation of this id. Choose one by the parameter model: {agents}"
        raise RequestError(message, param="model", code="conversation_ambiguous")
    return found[0]


def _not_found() -> ConversationNotFound:
    return ConversationNotFound("There is no conversation of this id", param=_PARAM)


def _named(infos: Iterable[LogInfo]) -> Iterator[tuple[str, LogInfo]]:
    """Each with its name as a place in the list: its id, or the full name where that has occurred before."""
    seen: set[str] = set()
    for info in infos:
        yield (_full_name(info) if info.key.id in seen else info.key.id), info
        seen.add(info.key.id)


def _full_name(info: LogInfo) -> str:
    return f"{info.key.id}/{info.key.agent}"


def _limit(query: MultiDict[str, str]) -> int:
    text = query.get("limit", str(DEFAULT_LIMIT))
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if not 1 <= limit <= MAX_LIMIT:
        raise RequestError(f"limit: expected a number from 1 to {MAX_LIMIT}", param="limit", code="invalid_value")
    return limit


def _includes_tool_calls(query: MultiDict[str, str]) -> bool:
    """OpenAI's SDKs send lists as ``include[]``."""
    wanted = {word for name in ("include", "include[]") for value in query.getlist(name) for word in value.split(",")}
    if wanted - {INCLUDE, ""}:
        raise RequestError(f"include: expected {INCLUDE}", param="include", code="invalid_value")
    return INCLUDE in wanted
