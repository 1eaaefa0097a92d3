"""Clients of conversations under load, and what is left of these in the store."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from http.client import HTTPException

from flask_agent_api.conversations.base import ConversationStore
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.conversation import Turn
from flask_agent_api.testing import collect_sse


@dataclass
class Asked:
    """What came of a request: the answer's text if it ended with a finish chunk, else the status or code."""

    text: str = ""
    failure: str = ""


def ask(url: str, id: str, text: str, timeout: float = 30.0) -> Asked:
    """Sends one question, alone, in a stream."""
    body = json.dumps({"model": "root", "stream": True, "messages": [{"role": "user", "content": text}]}).encode()
    headers = {"Content-Type": "application/json", "X-Conversation-Id": id}
    request = urllib.request.Request(f"{url}/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            stream = collect_sse(response.read())
    except urllib.error.HTTPError as error:
        return Asked(failure=f"{error.code} {json.load(error)['error']['code']}")
    except (OSError, HTTPException, AssertionError, ValueError) as error:  # the connection was cut
        return Asked(failure=type(error).__name__)
    return Asked(stream.text) if stream.error is None else Asked(failure=str(stream.error["code"]))


@dataclass
class Load:
    """Clients that hold conversations until they are told to stop; a failure begins another conversation.

    ``answered`` has the questions that were answered, by conversation, in their order.
    """

    urls: Sequence[str]
    answered: dict[str, list[str]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    turns: int = 5
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, clients: int) -> Load:
        self._threads = [threading.Thread(target=self._talk, args=(number,)) for number in range(clients)]
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def turns_answered(self) -> int:
        """How many questions were answered so far."""
        return sum(map(len, list(self.answered.values())))

    def _talk(self, client: int) -> None:
        conversation = 0
        while not self._stop.is_set():
            conversation += 1
            id = f"client-{client}-{conversation}"
            for turn in range(self.turns):
                text = f"{id} question {turn}"
                asked = ask(self.urls[(conversation + turn) % len(self.urls)], id, text)
                if asked.failure:
                    self.failures[asked.failure] += 1
                    time.sleep(0.02)
                    break
                assert asked.text == f"{turn + 1} questions, the last: {text}", asked
                self.answered.setdefault(id, []).append(text)


def stored(store: ConversationStore, id: str) -> list[Turn]:
    """The turns of a conversation with the agent ``root`` of the caller without a key."""
    return [Turn.of(entry) for entry in store.read(LogKey("conversation", "anonymous", "root", id)).entries]


def check_whole(turns: Iterable[Turn]) -> list[str]:
    """The questions of turns, each of which must have all that belongs to it, and everything before it."""
    questions = []
    for number, turn in enumerate(turns, 1):
        [question] = [message["content"] for message in turn.sent]
        roles = [message["role"] for message in turn.added]
        assert roles == ["assistant", "tool", "assistant"]
        assert turn.added[-1]["content"] == f"{number} questions, the last: {question}"
        questions.append(question)
    return questions
