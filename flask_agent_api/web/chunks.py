"""The frames of a stream, as text: ``chat.completion.chunk`` objects, the error frame and ``[DONE]``.

A text chunk is the hot path: everything around the one changing string is encoded once per stream.
"""

from __future__ import annotations

from collections.abc import Iterable
from json.encoder import encode_basestring_ascii
from typing import Any

from ..errors import AgentAPIError
from ..json_text import json_string
from ..json_text import json_text
from ..types import Usage
from .activity.pieces import Extension
from .activity.pieces import Piece
from .activity.pieces import Reasoning
from .activity.pieces import Text
from .errors import envelope

KEEP_ALIVE = ": keep-alive\n\n"
"""A comment. Not ``: ping``: Continue's parser loses the frames that arrive together with one."""

DONE = "data: [DONE]\n\n"


class ChunkWriter:
    """Writes the chunks of one stream: same ``id``, ``created`` and ``model`` in all of them."""

    def __init__(self, id: str, created: int, model: str, include_usage: bool) -> None:
        self._head = (
            f'data: {{"id":"{id}","object":"chat.completion.chunk","created":{created},'
            f'"model":{json_string(model)},"choices":['
        )
        self._tail = '],"usage":null}\n\n' if include_usage else "]}\n\n"
        self._text_head = f'{self._head}{{"index":0,"delta":{{"content":'
        self._reasoning_head = f'{self._head}{{"index":0,"delta":{{"reasoning_content":'
        self._text_tail = f'}},"finish_reason":null}}{self._tail}'
        self._text_between = self._text_tail + self._text_head
        self._plain_between = f'"{self._text_between}"'

    def text(self, text: str) -> str:
        """A piece of the answer."""
        return self._text_head + json_string(text) + self._text_tail

    def texts(self, texts: Iterable[Any]) -> str:
        """Pieces of the answer, a chunk each, in one go."""
        whole = "".join(texts)
        if len(encode_basestring_ascii(whole)) == len(whole) + 2:  # nothing in it is to be escaped
            return f'{self._text_head}"{self._plain_between.join(texts)}"{self._text_tail}'
        frames = self._text_head + self._text_between.join(map(encode_basestring_ascii, texts)) + self._text_tail
        # An escaped surrogate: rare, and only halves that stand alone need to be replaced.
        return "".join(map(self.text, texts)) if "\\ud" in frames else frames

    def role(self) -> str:
        """The first chunk."""
        delta = '{"role":"assistant","content":""}'
        return f'{self._head}{{"index":0,"delta":{delta},"finish_reason":null}}{self._tail}'

    def piece(self, piece: Piece) -> str:
        """What a renderer of activity wants to show."""
        if isinstance(piece, Text):
            return self.text(piece.text)
        if isinstance(piece, Reasoning):
            return self.reasoning(piece.text)
        if isinstance(piece, Extension):
            extra = f",{json_string(piece.key)}:{json_text(piece.value)}}}\n\n"
            return self._delta("{}", "null").removesuffix("}\n\n") + extra
        return self._delta(json_text(piece.delta), "null")

    def reasoning(self, text: str) -> str:
        """What the agent thinks, which clients show apart from the answer."""
        return self._reasoning_head + json_string(text) + self._text_tail

    def finish(self, reason: str) -> str:
        """The chunk that ends the answer."""
        return self._delta("{}", json_string(reason))

    def usage(self, usage: Usage) -> str:
        """The usage chunk, which has no choices."""
        return f'{self._head}],"usage":{json_text(usage_object(usage))}}}\n\n'

    def _delta(self, delta: str, finish_reason: str) -> str:
        return f'{self._head}{{"index":0,"delta":{delta},"finish_reason":{finish_reason}}}{self._tail}'


def error_frame(error: AgentAPIError) -> str:
    """A bare error object without ``choices``: the one shape that every client takes for a failure."""
    return f"data: {json_text(envelope(error))}\n\n"


def usage_object(usage: Usage) -> dict[str, Any]:
    """Usage in OpenAI's shape, and like OpenRouter's with its ``cost`` in dollars where that is known."""
    cost = {"cost": round(usage.cost, 9)} if usage.cost else {}
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        **cost,
    }
