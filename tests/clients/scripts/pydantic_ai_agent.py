"""Plays the scenarios with an agent of pydantic-ai on its chat model."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai import NativeOutput
from pydantic_ai import PromptedOutput
from pydantic_ai import UsageLimits
from pydantic_ai.messages import ModelMessage
from pydantic_ai.messages import ThinkingPart
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from report import Ask
from report import play
from report import Seen

LIMITS = UsageLimits(request_limit=5)


class Travel(BaseModel):
    city: str
    days: int


def _agent(ask: Ask, **options: Any) -> Agent[None, Any]:
    provider = OpenAIProvider(base_url=ask.base_url, api_key=ask.key)
    return Agent(OpenAIChatModel(ask.model, provider=provider), model_settings={"timeout": 30}, **options)


def _take(messages: list[ModelMessage], seen: Seen) -> None:
    parts = [part for message in messages for part in message.parts]
    seen.reasoning = "".join(part.content for part in parts if isinstance(part, ThinkingPart))
    seen.pending = [part.tool_name for part in parts if isinstance(part, ToolCallPart)]


def complete(ask: Ask, seen: Seen) -> None:
    result = _agent(ask).run_sync(ask.question, usage_limits=LIMITS)
    seen.pieces.append(result.output)
    _take(result.all_messages(), seen)


def stream(ask: Ask, seen: Seen) -> None:
    asyncio.run(_stream(ask, seen))


async def _stream(ask: Ask, seen: Seen) -> None:
    async with _agent(ask).run_stream(ask.question, usage_limits=LIMITS) as result:
        async for text in result.stream_text(delta=True, debounce_by=None):
            seen.pieces.append(text)
        _take(result.all_messages(), seen)


def client_tool(ask: Ask, seen: Seen) -> None:
    def shirt_size(name: str) -> str:
        """The size of a shirt."""
        seen.ran.append(f"shirt_size {name}")
        return "size M"

    seen.pieces.append(_agent(ask, tools=[shirt_size]).run_sync(ask.question, usage_limits=LIMITS).output)


def structured(ask: Ask, seen: Seen) -> None:
    seen.value = _travel(ask, NativeOutput(Travel))


def forced_tool(ask: Ask, seen: Seen) -> None:
    seen.value = _travel(ask, Travel)


def json_mode(ask: Ask, seen: Seen) -> None:
    seen.value = _travel(ask, PromptedOutput(Travel))


def _travel(ask: Ask, output: Any) -> dict[str, Any]:
    return _agent(ask, output_type=output).run_sync(ask.question, usage_limits=LIMITS).output.model_dump()


play(complete, stream, client_tool, structured, forced_tool, json_mode)
