"""The endpoints by which callers end runs of theirs, on whichever worker these are."""

from __future__ import annotations

from flask import Response

from ..errors import RunNotFound
from ..runtime.cancel_reason import REQUESTED
from .conversation import check_id
from .conversation_views import conversation_keys
from .delivery import answer_key
from .delivery import is_key
from .guard import current_exchange
from .guard import Exchange
from .json_response import json_response


def cancel_run(id: str) -> Response:
    """``POST /runs/{id}/cancel``: by the ``Idempotency-Key``, or in this process by the request's ``X-Request-Id``.

    404 ``run_not_found`` if no run of the caller's is at work under that name.
    """
    exchange = current_exchange()
    if not _cancel_here(exchange, id) and not (is_key(id) and exchange.service.cancel(answer_key(exchange, id))):
        raise RunNotFound("There is no run at work under this name", param="id")
    return _cancelling(id)


def cancel_conversation(id: str) -> Response:
    """``POST /conversations/{id}/cancel``: whatever is at work on it, with one agent by ``?model=``, or with all."""
    exchange = current_exchange()
    check_id(id, "conversation_id")
    if not [key for key in conversation_keys(exchange, id) if exchange.service.cancel(key)]:
        raise RunNotFound("There is no run at work on a conversation of this id", param="conversation_id")
    return _cancelling(id)


def _cancel_here(exchange: Exchange, request_id: str) -> bool:
    caller = exchange.principal.id
    runs = [run for run in exchange.service.in_flight.runs if run.ctx.run_id == request_id]
    own = [run for run in runs if run.ctx.principal.id == caller]
    for run in own:
        run.cancel(REQUESTED)
    return bool(own)


def _cancelling(id: str) -> Response:
    """The run ends soon: another worker looks every two seconds whether its runs are still wanted."""
    return json_response({"id": id, "object": "run", "status": "cancelling"}, 202)
