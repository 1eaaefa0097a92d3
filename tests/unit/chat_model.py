"""A model behind a scripted provider, and what one call of it gives."""

from __future__ import annotations

from typing import Any

from flask_agent_api.models.base import ModelEvent
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.openai_chat import Limits
from flask_agent_api.models.openai_chat import ModelConfig
from flask_agent_api.models.openai_chat import OpenAIChatModel
from flask_agent_api.testing import FakeUpstream

ASK = ModelRequest([{"role": "user", "content": "hi"}])
ONCE = Limits(retries=0)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def model(upstream: FakeUpstream | str, limits: Limits = ONCE, **fields: Any) -> OpenAIChatModel:
    url = upstream if isinstance(upstream, str) else upstream.url
    config = {"provider": "openai", "model": "m", "base_url": url, "api_key": "key"} | fields
    return OpenAIChatModel(ModelConfig(**config), limits)


def events(model: OpenAIChatModel, request: ModelRequest = ASK) -> list[ModelEvent]:
    return [event for batch in model.stream(request) for event in batch]


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}
