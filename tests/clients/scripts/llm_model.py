"""Plays the scenarios with ``llm``, whose model is set up as its file for extra OpenAI models does."""

from __future__ import annotations

import json

import llm
from llm.default_plugins.openai_models import Chat
from pydantic import BaseModel
from report import Ask
from report import play
from report import Seen


class Travel(BaseModel):
    city: str
    days: int


def _chat(ask: Ask) -> Chat:
    return Chat(
        "lab", key=ask.key, model_name=ask.model, api_base=ask.base_url, supports_schema=True, supports_tools=True
    )


def complete(ask: Ask, seen: Seen) -> None:
    response = _chat(ask).prompt(ask.question, stream=False)
    seen.pieces.append(response.text())
    seen.pending = [call.name for call in response.tool_calls()]


def stream(ask: Ask, seen: Seen) -> None:
    response = _chat(ask).prompt(ask.question)
    for text in response:
        seen.pieces += [text] if text else []
    seen.pending = [call.name for call in response.tool_calls()]


def client_tool(ask: Ask, seen: Seen) -> None:
    def shirt_size(name: str) -> str:
        """The size of a shirt."""
        seen.ran.append(f"shirt_size {name}")
        return "size M"

    conversation = _chat(ask).conversation(tools=[llm.Tool.function(shirt_size)], chain_limit=5)
    seen.pieces.append(conversation.chain(ask.question).text())


def structured(ask: Ask, seen: Seen) -> None:
    seen.value = json.loads(_chat(ask).prompt(ask.question, schema=Travel).text())


play(complete, stream, client_tool, structured)
