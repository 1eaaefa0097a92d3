"""The endpoint that runs agents."""

from __future__ import annotations

import functools
import time
from dataclasses import replace
from urllib.parse import quote

from flask import Response
from werkzeug.datastructures import Headers

from ..concurrency import offload
from ..context import RunContext
from ..records import RunRecord
from ..runtime.agent import Agent
from ..runtime.cancel_reason import CLIENT_GONE
from ..runtime.in_flight import Place
from ..runtime.run import Run
from ..runtime.turn import ConversationTurn
from ..settings import Settings
from ..structured.answer_format import answer_format
from ..types import Batch
from ..types import Error
from ..types import RunRequest
from .activity.choice import split_model
from .activity.choice import with_choice
from .body import read_json_body
from .chunks import ChunkWriter
from .client import ClientWatcher
from .client import nobody
from .client_tools import client_tools
from .client_tools import ClientTools
from .completion import completion
from .conversation import conversation_id
from .conversation import HEADER as CONVERSATION_HEADER
from .delivery import delivery
from .fields import header_value
from .fields import ignored_fields
from .fields import refuse_forbidden
from .forwarded import forwarded_headers
from .guard import current_exchange
from .guard import Exchange
from .guard import random_id
from .json_response import json_response
from .legacy_functions import LegacyFunctions
from .patience import batches_within
from .quota import admitted
from .quota import Quota
from .schemas import ChatRequest
from .schemas import parse_request
from .schemas import run_request
from .stream import EventStream
from .stream_response import StreamResponse
from .structured import own_format
from .structured import StructuredRun
from .tasks.agent import agent_for_task
from .visit import Visit

TASK_HEADER = "X-Agent-Task"
RETRY_HEADER = "HTTP_X_STAINLESS_RETRY_COUNT"
"""Of OpenAI's SDKs: how often this request was sent before. As WSGI has it."""
_STREAM_HEADERS = [
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
]


def chat_completions() -> Response:
    """``POST /chat/completions``: runs an agent; JSON, or Server-Sent Events with ``stream: true``."""
    exchange = current_exchange()
    with exchange.service.in_flight.enter() as place:
        quota = admitted(exchange, place) if exchange.principal.allowance.is_counted else None
        return _answer(exchange, place, quota)


def _answer(exchange: Exchange, place: Place, quota: Quota | None) -> Response:
    service, request = exchange.service, exchange.request
    header = request.environ.get
    data = read_json_body(request, service.settings.max_body_bytes, service.settings.body_timeout)
    wish = delivery(exchange, data)
    if wish is not None and (response := wish.known(place)) is not None:
        return response
    place.request = exchange.principal.id, hash(data)
    if wish is None and header(RETRY_HEADER, "0") != "0":
        service.in_flight.refuse_retry(place.request)
    body = parse_request(data, service.settings.max_messages, service.settings.max_images)
    agents = service.registry_for(exchange.principal)
    model, mode = split_model(body.model or "", agents)
    name, agent = agents.pick(model, fallback=service.settings.unknown_model == "default")
    settings = service.settings_for(name)
    task_agent = agent_for_task(header("HTTP_X_AGENT_TASK"), body, agent, settings, service.task_models)
    asked = _chat(body, settings) if task_agent is None else RunRequest([])  # a task has all it needs
    params = {**own_format(agent), **asked.params}
    settings = with_choice(
        settings, body.tool_activity, header("HTTP_X_AGENT_TOOL_ACTIVITY", ""), mode, params,
        exchange.principal.allowance.tool_activity,
    )  # fmt: skip
    tools = ClientTools() if task_agent else client_tools(body, settings.client_tools)
    context = RunContext(
        settings=settings,
        run_id=exchange.request_id,
        principal=exchange.principal,
        deadline=time.monotonic() + settings.run_timeout,
        ignored=[*ignored_fields(body, asked.params), *tools.ignored],
        scope=service.app.app_context,
        turns=service.turns(exchange.principal.id, name),
        task=task_agent.task.kind.name if task_agent else "",
        names_of=service.registry.names_of,
        headers=forwarded_headers(request.environ, settings.forward_headers) if settings.forward_headers else {},
        record=_record(exchange, name),
    )
    exchange.run = context.record
    if quota is not None:
        quota.follow(context)
    conversation = "" if task_agent else conversation_id(request.environ, settings.conversation_headers, body)
    turn = service.turn(context, name, conversation, wish.key if wish else None)
    run = _run(task_agent or agent, asked, tools, context, turn)
    if wish is not None:
        exchange.agent = _header_text(name)
        patient = replace(settings, json_timeout=0.0) if wish.detached else settings
        return wish.make(run, place, lambda: _response(run, nobody(), body, name, patient, conversation), settings)
    visit = Visit(request.environ, run, settings, place)
    visit.start(run)
    exchange.agent = _header_text(name)
    return _response(run, visit, body, name, settings, conversation)


def _record(exchange: Exchange, agent: str) -> RunRecord:
    header = exchange.request.environ.get
    trace, state = header("HTTP_TRACEPARENT", ""), header("HTTP_TRACESTATE", "")
    return RunRecord(exchange.service.app, agent=agent, traceparent=trace, tracestate=state)


def _response(
    run: Run, visit: ClientWatcher, body: ChatRequest, agent: str, settings: Settings, conversation: str
) -> Response:
    answer = _streamed if body.stream else _whole
    response = answer(run, visit, body, body.model or agent, settings)
    if conversation:
        response.headers.add(CONVERSATION_HEADER, conversation)
    if run.ctx.ignored and (ignored := header_value(run.ctx.ignored)):
        response.headers.add("X-Agent-Ignored", ignored)
    if run.ctx.task:
        response.headers.add(TASK_HEADER, run.ctx.task)
    return response


@functools.lru_cache(maxsize=256)
def _header_text(name: str) -> str:
    """An agent's name in ASCII."""
    return quote(name, safe=" /:@+")


def _chat(body: ChatRequest, settings: Settings) -> RunRequest:
    refuse_forbidden(body, settings)
    return run_request(body, settings.params)


def _run(
    agent: Agent, asked: RunRequest, tools: ClientTools, context: RunContext, turn: ConversationTurn | None
) -> Run:
    asked = tools.added_to(asked)
    agent = LegacyFunctions(agent) if tools.legacy else agent
    wanted = asked.params.get("response_format")
    format = None if wanted is None else offload(answer_format, wanted)
    return Run(agent, asked, context, turn) if format is None else StructuredRun(agent, asked, context, format, turn)


def _streamed(run: Run, visit: ClientWatcher, body: ChatRequest, model: str, settings: Settings) -> Response:
    """An early failure keeps its HTTP status: the first event is waited for, but not for long."""
    first = _first(run, settings.status_wait)
    if first and isinstance(first[0], Error):
        visit.close()
        raise first[0].error
    include_usage = body.include_usage
    writer = ChunkWriter(_completion_id(), int(time.time()), model, include_usage)
    frames = EventStream(run, first, writer, visit, settings=settings, include_usage=include_usage)
    return StreamResponse(frames, headers=Headers(_STREAM_HEADERS), direct_passthrough=True)


def _first(run: Run, seconds: float) -> Batch | None:
    """The first batch, or None if there is none in time. Should the run's own time be up before, that is the first."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if (batch := run.next(left)) is not None:
            return batch
    return None


def _whole(run: Run, visit: ClientWatcher, body: ChatRequest, model: str, settings: Settings) -> Response:
    try:
        batches = batches_within(run, settings.json_timeout)
        answer = completion(batches, _completion_id(), int(time.time()), model, settings)
    finally:
        run.cancel(CLIENT_GONE)  # nothing, unless the request itself was ended from outside
        visit.close()
    return json_response(answer)


def _completion_id() -> str:
    return f"chatcmpl-{random_id()}"
