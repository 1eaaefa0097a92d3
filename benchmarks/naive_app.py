"""The relay that every tutorial shows, to compare with: the official client's stream, one ``yield`` for each chunk."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask
from flask import request
from flask import Response
from openai import OpenAI

app = Flask(__name__)
client = OpenAI()


@app.post("/v1/chat/completions")
def chat() -> Response:
    """Relays one turn."""
    body = request.get_json()
    stream = client.chat.completions.create(model=body["model"], messages=body["messages"], stream=True)

    def frames() -> Iterator[str]:
        for chunk in stream:
            yield f"data: {chunk.model_dump_json()}\n\n"
        yield "data: [DONE]\n\n"

    return Response(frames(), mimetype="text/event-stream")
