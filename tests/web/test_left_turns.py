"""A turn that its client leaves is no part of the conversation, whatever of it the client has seen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conversation_host import Host


class Agent:
    """Tells what it has been asked so far; at the question ``leave`` it waits, once ``said`` has been said."""

    name, description = "counts", ""

    def __init__(self, said: list[str]) -> None:
        self.said = said
        self.waits = threading.Event()
        self.ended = threading.Event()

    def run(self, request: Any, ctx: object) -> Iterator[str]:
        questions = [message["content"] for message in request.messages if message["role"] == "user"]
        if questions[-1] == "leave":
            try:
                yield from self.said
                self.waits.set()
                threading.Event().wait(30)
            finally:
                self.ended.set()
        yield ", ".join(questions)


@pytest.mark.parametrize("said", [[], ["half of "]], ids=["before the first word", "in the middle"])
def test_a_turn_whose_client_has_left_is_forgotten(said: list[str]) -> None:
    host, agent = Host(status_wait="0.05", conversation_wait="5"), Agent(said)
    host.api.registry.add(agent)
    assert host.answer("one", model="counts") == "one"
    left = host.ask("leave", model="counts", stream=True)
    pieces = iter(left.response)
    received = next(pieces)
    while not all(word.encode() in received for word in said):
        received += next(pieces)
    assert agent.waits.wait(10)
    left.close()
    assert agent.ended.wait(10)
    assert host.answer("two", model="counts") == "one, two"
