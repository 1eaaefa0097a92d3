"""What the clients of the lab talk to: the demo team, and agents that answer slowly or fail halfway."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from flask import Flask
from flask import request
from flask import Response

from flask_agent_api import AgentAPI
from flask_agent_api import agents
from flask_agent_api import RunContext
from flask_agent_api import RunRequest
from flask_agent_api.errors import ModelUnavailable
from flask_agent_api.types import Message

app = Flask(__name__)
posts: Counter[str] = Counter()


@app.after_request
def count(response: Response) -> Response:
    """Each scenario of a client has a key of its own, so a request that is sent again shows."""
    if request.method == "POST":
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        task = response.headers.get("X-Agent-Task")
        posts[f"{key} {task}" if task else key] += 1
    return response


@app.get("/posts")
def counted() -> dict[str, int]:
    """How many requests came with which key, auxiliary ones of chat clients apart."""
    return dict(posts)


@agents.agent("slow")
def slow(messages: list[Message]) -> Iterator[str]:
    """Is silent for longer than a keep-alive takes, again and again."""
    for word in ("one ", "two ", "three"):
        time.sleep(0.7)
        yield word


@agents.agent("broken")
def broken(messages: list[Message]) -> Iterator[str]:
    """Fails in the middle of its answer."""
    yield "The beginning"
    raise ModelUnavailable("the model went away")


@agents.agent("travel")
def travel(messages: list[Message]) -> str:
    """Answers with JSON, as it is asked to in words: the demo model cannot read."""
    return '{"city": "Oslo", "days": 3}'


@agents.agent("recalls")
def recalls(asked: RunRequest, ctx: RunContext) -> str:
    """Says how much of the conversation the server has kept."""
    return f"I know {asked.kept} of {len(asked.messages)} messages."


AgentAPI(app)
