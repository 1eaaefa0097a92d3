"""Plays the scenarios with LangChain's ``ChatOpenAI``."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel
from report import Ask
from report import play
from report import Seen


class Travel(BaseModel):
    """A travel."""

    city: str
    days: int


@tool
def shirt_size(name: str) -> str:
    """The size of a shirt."""
    return "size M"


def _chat(ask: Ask) -> ChatOpenAI:
    return ChatOpenAI(model=ask.model, base_url=ask.base_url, api_key=ask.key, timeout=30)


def _take(message: BaseMessage, seen: Seen) -> None:
    seen.pieces += [message.text] if message.text else []
    seen.reasoning += message.additional_kwargs.get("reasoning_content", "")


def complete(ask: Ask, seen: Seen) -> None:
    message = _chat(ask).invoke(ask.question)
    _take(message, seen)
    seen.pending = [call["name"] for call in message.tool_calls]


def stream(ask: Ask, seen: Seen) -> None:
    whole = None
    for chunk in _chat(ask).stream(ask.question):
        _take(chunk, seen)
        whole = chunk if whole is None else whole + chunk
    seen.pending = [call["name"] for call in whole.tool_calls]


def client_tool(ask: Ask, seen: Seen) -> None:
    chat = _chat(ask).bind_tools([shirt_size])
    messages: list[BaseMessage] = [HumanMessage(ask.question)]
    while (message := chat.invoke(messages)).tool_calls:
        messages.append(message)
        for call in message.tool_calls:
            seen.ran.append(f"{call['name']} {call['args']['name']}")
            messages.append(shirt_size.invoke(call))
    _take(message, seen)


def structured(ask: Ask, seen: Seen) -> None:
    seen.value = _travel(ask, "json_schema")


def forced_tool(ask: Ask, seen: Seen) -> None:
    seen.value = _travel(ask, "function_calling")


def json_mode(ask: Ask, seen: Seen) -> None:
    seen.value = _travel(ask, "json_mode")


def _travel(ask: Ask, method: str) -> dict[str, Any]:
    return _chat(ask).with_structured_output(Travel, method=method).invoke(ask.question).model_dump()


play(complete, stream, client_tool, structured, forced_tool, json_mode)
