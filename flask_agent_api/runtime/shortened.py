"""Conversations and tool results cut to what an agent is to read of them. A token counts as four characters."""

from __future__ import annotations

from collections.abc import Sequence

from ..types import Message
from ..types import text_of
from ..types import Usage
from .limits import AgentLimits

CHARACTERS = 4
"""Characters of a token, as docker-agent counts."""

SHOWN_BY = "(shown by the tool "
"""How a message begins that has what tools show."""

OLD_RESULT = "[an old result, which was cut]"


def shortened(messages: Sequence[Message], limits: AgentLimits) -> Sequence[Message]:
    """The conversation within the agent's limits; the calls that its model made last always stay, with their results.

    Of ``num_history_items`` only the newest are left, but for what the user and the system say. Every call that is left
    has its results, and every result its call. Results beyond ``max_old_tool_call_tokens``, counted from the newest,
    lose their text.
    """
    if limits.num_history_items:
        messages = _newest(messages, limits.num_history_items)
    if limits.max_old_tool_call_tokens:
        messages = _without_old_results(messages, limits.max_old_tool_call_tokens * CHARACTERS)
    return messages


def is_of_tools(message: Message) -> bool:
    """Whether a message is a tool's result, or what tools show."""
    content = message.get("content")
    shown = isinstance(content, list) and content and str(content[0].get("text")).startswith(SHOWN_BY)
    return message.get("role") == "tool" or bool(shown)


def middle_out(text: str, tokens: int) -> str:
    """The text with its middle cut out if it has more than so many tokens; 0 leaves it whole."""
    room = tokens * CHARACTERS
    if not tokens or len(text) <= room:
        return text
    head = room - room // 2
    return f"{text[:head]}\n[cut: {len(text) - room} characters]\n{text[len(text) - room // 2 :]}"


def estimated(messages: Sequence[Message], answer: str) -> Usage:
    """What a model call may have used, where the provider does not say."""
    asked = sum(len(text_of(message.get("content"))) for message in messages)
    return Usage(asked // CHARACTERS, len(answer) // CHARACTERS)


def _newest(messages: Sequence[Message], number: int) -> list[Message]:
    too_many = sum(message.get("role") != "system" for message in messages) - number
    last_turn = _last_calls(messages)
    kept: list[Message] = []
    removed: set[str] = set()
    for position, message in enumerate(messages):
        role = message.get("role")
        orphan = role == "tool" and message.get("tool_call_id") in removed
        if orphan or (too_many > 0 and position < last_turn and role not in {"user", "system", "tool"}):
            removed.update(call["id"] for call in message.get("tool_calls") or ())
            too_many -= 1
        else:
            kept.append(message)
    return kept


def _without_old_results(messages: Sequence[Message], room: int) -> list[Message]:
    left = list(messages)
    last_turn = _last_calls(messages)
    for position in range(len(left) - 1, -1, -1):
        if left[position].get("role") != "tool":
            continue
        size = len(text_of(left[position].get("content")))
        if position > last_turn or size <= room:
            room = max(0, room - size)
        else:
            left[position] = {**left[position], "content": OLD_RESULT}
            room = 0
    return left


def _last_calls(messages: Sequence[Message]) -> int:
    """Where the calls are whose results end the conversation; its length if it ends otherwise."""
    position = len(messages)
    while position and is_of_tools(messages[position - 1]):
        position -= 1
    return position - 1 if position < len(messages) else position
