"""The endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint
from flask import request
from flask import Response
from flask.blueprints import BlueprintSetupState

from .activity.choice import split_model
from .chat import chat_completions
from .conversation_views import delete_conversation
from .conversation_views import list_conversations
from .conversation_views import retrieve_conversation
from .guard import current_exchange
from .guard import install_guard
from .host_app import check_host
from .json_response import json_response
from .model_object import model_object
from .openapi import openapi_json
from .routing import add_catch_all
from .routing import add_endpoint
from .runs import cancel_conversation
from .runs import cancel_run
from .service import Service


def build_blueprint(name: str, make_service: Callable[[BlueprintSetupState], Service]) -> Blueprint:
    """A blueprint with the endpoints. ``make_service`` is called at each registration, and may stop the start."""
    blueprint = Blueprint(name, __name__)

    def register(state: BlueprintSetupState) -> None:
        full_name = _full_name(state)
        service = make_service(state)
        services(state.app)[full_name] = service
        install_guard(service, full_name)
        if (state.url_prefix or "").strip("/"):
            add_catch_all(state)

    def look_at_host(state: BlueprintSetupState) -> None:
        service = services(state.app)[_full_name(state)]
        check_host(service.app, _full_name(state), service.settings)

    blueprint.record(register)
    add_endpoint(blueprint, "/models", GET=list_models)
    add_endpoint(blueprint, "/models/<path:model>", GET=retrieve_model)
    add_endpoint(blueprint, "/chat/completions", POST=chat_completions)
    add_endpoint(blueprint, "/conversations", GET=list_conversations)
    add_endpoint(blueprint, "/conversations/<id>", GET=retrieve_conversation, DELETE=delete_conversation)
    add_endpoint(blueprint, "/conversations/<id>/cancel", POST=cancel_conversation)
    add_endpoint(blueprint, "/runs/<path:id>/cancel", POST=cancel_run)
    add_endpoint(blueprint, "/openapi.json", GET=openapi)
    blueprint.record(look_at_host)
    return blueprint


def _full_name(state: BlueprintSetupState) -> str:
    return f"{state.name_prefix}.{state.name}".lstrip(".")


def services(app: Any) -> dict[str, Service]:
    """The registrations of an app, by the blueprint's name."""
    return app.extensions.setdefault("agent_api", {})  # type: ignore[no-any-return]


def list_models() -> Response:
    """``GET /models``: every agent that the caller may use, as a model."""
    exchange = current_exchange()
    agents = exchange.service.registry_for(exchange.principal)
    models = [model_object(name, agent, exchange.service.created) for name, agent in agents.items()]
    return json_response({"object": "list", "data": models})


def retrieve_model(model: str) -> Response:
    """``GET /models/{id}``: one agent, by its name or with a mode behind it; 404 ``model_not_found`` for any other."""
    exchange = current_exchange()
    agents = exchange.service.registry_for(exchange.principal)
    name, _ = split_model(model, agents)
    _, agent = agents.pick(name, fallback=False)
    return json_response(model_object(model, agent, exchange.service.created))


def openapi() -> Response:
    """``GET /openapi.json``: these endpoints in OpenAPI 3.1."""
    server = (request.root_path + request.path).removesuffix("/openapi.json")
    return Response(openapi_json(server), mimetype="application/json")
