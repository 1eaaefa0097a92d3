"""Plays the scenarios with openai-agents on its chat completions model."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
from agents import Agent
from agents import function_tool
from agents import ItemHelpers
from agents import OpenAIChatCompletionsModel
from agents import Runner
from agents import set_tracing_disabled
from agents.items import RunItem
from agents.items import ToolCallItem
from pydantic import BaseModel
from report import Ask
from report import play
from report import Seen

set_tracing_disabled(True)


class Travel(BaseModel):
    city: str
    days: int


def _agent(ask: Ask, **options: Any) -> Agent[Any]:
    client = openai.AsyncOpenAI(base_url=ask.base_url, api_key=ask.key, timeout=30)
    model = OpenAIChatCompletionsModel(model=ask.model, openai_client=client)
    return Agent(name="lab", model=model, **options)


def _take(items: list[RunItem], seen: Seen) -> None:
    seen.pending = [item.raw_item.name for item in items if isinstance(item, ToolCallItem)]


def complete(ask: Ask, seen: Seen) -> None:
    result = Runner.run_sync(_agent(ask), ask.question, max_turns=5)
    seen.pieces.append(ItemHelpers.text_message_outputs(result.new_items))
    _take(result.new_items, seen)
    seen.reasoning = _reasoning(result)


def stream(ask: Ask, seen: Seen) -> None:
    asyncio.run(_stream(ask, seen))


async def _stream(ask: Ask, seen: Seen) -> None:
    result = Runner.run_streamed(_agent(ask), ask.question, max_turns=5)
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            seen.pieces.append(event.data.delta)
    _take(result.new_items, seen)
    seen.reasoning = _reasoning(result)


def _reasoning(result: Any) -> str:
    items = [item.raw_item for item in result.new_items if item.type == "reasoning_item"]
    return "".join(part.text for item in items for part in item.summary)


def client_tool(ask: Ask, seen: Seen) -> None:
    @function_tool
    def shirt_size(name: str) -> str:
        """The size of a shirt."""
        seen.ran.append(f"shirt_size {name}")
        return "size M"

    seen.pieces.append(Runner.run_sync(_agent(ask, tools=[shirt_size]), ask.question, max_turns=5).final_output)


def structured(ask: Ask, seen: Seen) -> None:
    result = Runner.run_sync(_agent(ask, output_type=Travel), ask.question, max_turns=5)
    seen.value = result.final_output.model_dump()


play(complete, stream, client_tool, structured)
