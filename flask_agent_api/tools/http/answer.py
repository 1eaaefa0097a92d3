"""What a model reads of an answer to a tool's request."""

from __future__ import annotations

from .exchange import Response


def answer_text(response: Response) -> str:
    """The content, with a marker where it was cut. Raises :class:`ToolError` if it is no text."""
    text = response.text()
    return f"{text}\n[cut: the answer is longer than 1 MB]" if response.cut else text
