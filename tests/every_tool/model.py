"""A provider whose model calls each of its tools once when it is asked to, and says that it is done."""

from __future__ import annotations

import json
import re
import select
import zlib
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from http.server import BaseHTTPRequestHandler
from typing import Any

from flask_agent_api.models.demo_instances import example
from tests.every_tool.calls import Arguments
from tests.every_tool.calls import Call
from tests.every_tool.local_server import LocalServer
from tests.support import RawClient
from tests.support import Server

QUESTION = "Call each of your tools once."
SLOW = "Take your time."
DONE = "All done."
_SLOW_SECONDS = 5  # under threads nothing stops a model call
_LAST = "handoff"
_DIMENSIONS = 256
_SCORES = re.compile(r'"scores": .* one number for each of the (\d+)')


@dataclass
class Calls:
    """What the model of one agent was offered in a run, what its calls gave and which of them failed, by tool."""

    offered: set[str] = field(default_factory=set)
    results: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    images: int = 0

    def add(self, body: Mapping[str, Any]) -> None:
        """Takes what one request for the model has; once the conversation went to another agent, that is another's."""
        names = dict(_named_calls(body["messages"]))
        results: dict[str, str] = {}
        for message in body["messages"]:
            if message["role"] == "tool":
                name, text = names[message["tool_call_id"]], _text(message["content"])
                results[name] = f"{results.get(name, '')}{text}\n"
                self.errors |= {name: text} if text.startswith("Error") else {}
        self.results |= results
        self.images = max(self.images, sum(_images(message["content"]) for message in body["messages"]))
        if _LAST not in self.results:
            self.offered |= {tool["function"]["name"] for tool in body.get("tools", [])}

    def failures(self, sensible: Mapping[str, Call], otherwise: str = "") -> dict[str, str]:
        """The tools that were not called, or gave an error or not what they should: ``otherwise``, if unknown."""
        problems = dict(self.errors)
        for name in self.offered - problems.keys():
            result = self.results.get(name)
            expected = sensible[name].expected if name in sensible else otherwise
            if result is None or expected not in result:
                problems[name] = result or "not called"
        return problems


class ThoroughModel(LocalServer):
    """Answers each request from what is in it. What ``sensible`` does not know is called with an example of its schema.

    ``calls`` is about the agent that was asked last. Embeddings are made of the words of a text.
    """

    def __init__(self, sensible: Mapping[str, Call]) -> None:
        super().__init__()
        self._sensible = sensible
        self._order = {name: place for place, name in enumerate(sensible)}
        self.calls = Calls()

    def ask(self, server: Server, agent: str) -> Calls:
        """Has an agent of a server call each of its tools."""
        self.calls = Calls()
        with RawClient(server.port, 60) as client:
            client.post(model=agent, messages=[{"role": "user", "content": QUESTION}])
            answer = json.load(client.response())
        assert "choices" in answer, (agent, answer)
        assert answer["choices"][0]["finish_reason"] == "stop", (agent, answer)
        return self.calls

    def respond(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answers, in one piece or as a stream."""
        asked = json.loads(body)
        if handler.path.endswith("/embeddings"):
            self.send_json(handler, _embeddings(asked))
            return
        texts = [_text(message["content"]) for message in asked["messages"] if message["role"] in ("user", "system")]
        if any(SLOW in text for text in texts):
            told_to_stop, _, _ = select.select([handler.connection], [], [], _SLOW_SECONDS)
            if told_to_stop:
                return
        calls = self._next_calls(asked) if QUESTION in texts else []
        delta = {"tool_calls": calls} if calls else {"content": _answer(asked)}
        finish = "tool_calls" if calls else "stop"
        if asked.get("stream"):
            frames = [{"delta": delta, "finish_reason": None}, {"delta": {}, "finish_reason": finish}]
            self.send(handler, b"".join(_frame(frame) for frame in frames) + b"data: [DONE]\n\n", "text/event-stream")
        else:
            self.send_json(handler, _completion({"message": delta, "finish_reason": finish}))

    def _next_calls(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Calls of the first tool that was not called yet; none when all were, or another agent has taken over."""
        self.calls.add(body)
        called = {name for _, name in _named_calls(body["messages"])}
        left = [tool["function"] for tool in body.get("tools", []) if tool["function"]["name"] not in called]
        if not left or _LAST in called:
            return []
        tool = min(left, key=lambda tool: self._order.get(tool["name"], -1))
        known = self._sensible.get(tool["name"]) or Call(example(tool["parameters"]))
        given = known.filled(self.calls.results, tool["parameters"])
        return [_call(number, tool["name"], arguments) for number, arguments in enumerate(given)]


def _named_calls(messages: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for message in messages:
        for call in message.get("tool_calls") or []:
            yield call["id"], call["function"]["name"]


def _call(number: int, name: str, arguments: Arguments) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"index": number, "id": f"call_{name}_{number}", "type": "function", "function": function}


def _answer(body: Mapping[str, Any]) -> str:
    """An answer in the format that is wanted; scores for documents, where these are asked for."""
    if scored := _SCORES.search(_text(body["messages"][-1]["content"])):
        return json.dumps({"scores": [0.9] * int(scored[1])})
    wanted = (body.get("response_format") or {}).get("json_schema")
    return json.dumps(example(wanted["schema"])) if wanted else DONE


def _completion(choice: dict[str, Any]) -> dict[str, Any]:
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, **choice}]}


def _frame(choice: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(_completion(choice) | {"object": "chat.completion.chunk"}).encode() + b"\n\n"


def _text(content: Any) -> str:
    """The text of a message, which may have other parts."""
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def _images(content: Any) -> int:
    """How many images a message shows."""
    return sum(part["type"] == "image_url" for part in content) if isinstance(content, list) else 0


def _embeddings(body: Mapping[str, Any]) -> dict[str, Any]:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = [{"index": index, "embedding": _vector(text), "object": "embedding"} for index, text in enumerate(texts)]
    return {"object": "list", "data": data, "model": body["model"]}


def _vector(text: str) -> list[float]:
    """Alike for texts that have words in common."""
    vector = [0.0] * _DIMENSIONS
    for word in text.lower().split():
        vector[zlib.crc32(word.strip(".,?!").encode()) % _DIMENSIONS] += 1
    return vector
